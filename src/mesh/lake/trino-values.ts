/** A type as Trino's client protocol describes it; arguments are types, named types of a row, or numbers. */
export interface TrinoType {
  readonly rawType: string
  readonly arguments?: readonly { readonly kind: string; readonly value: unknown }[]
}

/**
 * A value of Trino's answer in the form in which the gateway's own engine gives it, so that a reader cannot tell who
 * answered: whole numbers of 64 bits as text, a row as an object, a time without zeros that say nothing.
 */
export function plainValue(type: TrinoType | undefined, value: unknown): unknown {
  if (type === undefined || value === null || value === undefined) return value ?? null
  const inner = type.arguments ?? []
  switch (type.rawType) {
    case 'bigint':
      return String(value)
    case 'timestamp':
    case 'timestamp with time zone':
      return time(String(value))
    case 'array':
      return (value as readonly unknown[]).map((one) => plainValue(inner[0]?.value as TrinoType, one))
    case 'row':
      return Object.fromEntries((value as readonly unknown[]).map((one, at) => field(inner[at]?.value as NamedType, at, one)))
    case 'map':
      return Object.entries(value as Record<string, unknown>).map(([key, one]) => ({ key, value: plainValue(inner[1]?.value as TrinoType, one) }))
    default:
      return value
  }
}

interface NamedType {
  readonly fieldName?: { readonly name: string } | null
  readonly typeSignature: TrinoType
}

function field(named: NamedType | undefined, at: number, value: unknown): readonly [string, unknown] {
  return [named?.fieldName?.name ?? `field${at}`, plainValue(named?.typeSignature, value)]
}

/** `2026-11-20 00:05:00.120000 UTC` is `2026-11-20 00:05:00.12+00`; another zone than UTC stays as it is. */
function time(text: string): string {
  const [, whole = text, fraction = '', zone = ''] = /^(\d+-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d+?)0*)?( UTC)?$/.exec(text) ?? []
  const kept = /[1-9]/.test(fraction) ? `.${fraction}` : ''
  return `${whole}${kept}${zone === '' ? '' : '+00'}`
}
