import { printable, shown } from './printable.ts'

/**
 * Checks of the shape of parsed JSON that report every fault, each with its place, instead of stopping at the first.
 * A place is written as `mirrors[0].tree.size`.
 */
export type Check = (value: unknown, place: string, faults: string[]) => void

export function matching(pattern: RegExp, what: string): Check {
  return (value, place, faults) => {
    if (typeof value !== 'string' || !pattern.test(value))
      faults.push(`${place}: expected ${what}, found ${shown(value)}`)
  }
}

export function oneOf(...allowed: readonly (string | number | boolean | null)[]): Check {
  return (value, place, faults) => {
    if (!(allowed as readonly unknown[]).includes(value)) {
      faults.push(
        `${place}: expected ${allowed.map((item) => JSON.stringify(item)).join(' or ')}, found ${shown(value)}`,
      )
    }
  }
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, place, faults) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      faults.push(`${place}: expected an integer from ${min} to ${max}, found ${shown(value)}`)
    }
  }
}

/** `key` gives what must be unique among the items. */
export function listOf(item: Check, max: number, key?: (item: never) => string): Check {
  return (value, place, faults) => {
    if (!Array.isArray(value)) {
      faults.push(`${place}: expected an array, found ${shown(value)}`)
      return
    }
    if (value.length > max) {
      faults.push(`${place}: expected at most ${max} items, found ${value.length}`)
      return
    }
    const before = faults.length
    value.forEach((one, index) => item(one, `${place}[${index}]`, faults))
    if (!key || faults.length > before) return
    const seen = new Set<string>()
    value.forEach((one, index) => {
      const name = key(one as never)
      if (seen.has(name)) faults.push(`${place}[${index}]: ${shown(name)} appears twice`)
      seen.add(name)
    })
  }
}

export function nullOr(check: Check): Check {
  return (value, place, faults) => {
    if (value !== null) check(value, place, faults)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export interface RecordRules {
  /** Members that may be absent. */
  readonly optional?: readonly string[]
  /** Unknown members are ignored; without it they are faults. */
  readonly open?: boolean
}

export function recordOf(members: Readonly<Record<string, Check>>, rules: RecordRules = {}): Check {
  return (value, place, faults) => {
    if (!isRecord(value)) {
      faults.push(`${place || 'document'}: expected an object, found ${shown(value)}`)
      return
    }
    const at = (name: string) => (place ? `${place}.${name}` : name)
    for (const [name, check] of Object.entries(members)) {
      if (Object.hasOwn(value, name)) check(value[name], at(name), faults)
      else if (!rules.optional?.includes(name)) faults.push(`${at(name)}: is missing`)
    }
    if (rules.open) return
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(members, name)) faults.push(`${at(printable(name, 60))}: is not a member of this record`)
    }
  }
}

/** An object used as a map: every value is checked alike. */
export function mapOf(keys: RegExp, check: Check): Check {
  return (value, place, faults) => {
    if (!isRecord(value)) {
      faults.push(`${place}: expected an object, found ${shown(value)}`)
      return
    }
    for (const [name, one] of Object.entries(value)) {
      if (!keys.test(name)) faults.push(`${place}: ${shown(name)} is not an allowed name`)
      else check(one, `${place}.${name}`, faults)
    }
  }
}

/** RFC 3339 in UTC, whole seconds: one way to write an instant. */
export const instant: Check = (value, place, faults) => {
  const good =
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    new Date(value).toISOString() === value.replace('Z', '.000Z')
  if (!good) faults.push(`${place}: expected an instant such as 2026-11-22T00:00:00Z, found ${shown(value)}`)
}

export const hex64: Check = matching(/^[0-9a-f]{64}$/, '64 lower-case hex digits')
export const hex128: Check = matching(/^[0-9a-f]{128}$/, '128 lower-case hex digits')
/** A line a person reads: no control, format or unassigned characters. */
export const line: Check = matching(
  /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Cn}]{1,256}$/u,
  'a line of 1 to 256 printable characters',
)
