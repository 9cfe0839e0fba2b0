import type { LabelPolicy } from './policy.ts'

/** A label as it stands in contracts, records, answers and audit events: structured, never a banner string. */
export interface Label {
  /** URN of the label policy. */
  readonly policy: string
  readonly policyVersion: string
  readonly level: string
  /** Restrictive categories: a reader needs every one of them. */
  readonly categories: readonly string[]
  /** Nations (ISO 3166-1 alpha-3) and coalition groups it is released to besides the owner nation; empty: owner only. */
  readonly releasability: readonly string[]
}

declare const canonical: unique symbol

/**
 * A label that was held against the policy: known level and categories, categories sorted, releasability expanded to
 * single nations, sorted, the owner (always included) left out. Equal labels are equal texts.
 */
export type CanonicalLabel = Label & { readonly [canonical]: true }

export interface CheckedLabel {
  readonly label: CanonicalLabel | undefined
  readonly faults: readonly string[]
}

const FIELDS = new Set(['policy', 'policyVersion', 'level', 'categories', 'releasability'])

/**
 * Holds a written label against the policy. Anything unknown (policy, version, level, category, nation, field) is a
 * fault: a label that is not understood must never be treated as a lower one. With `policy-implied` its policy and
 * version may be left out: a record's label stands under its contract's.
 */
export function checkLabel(policy: LabelPolicy, written: unknown, implied?: 'policy-implied'): CheckedLabel {
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    return { label: undefined, faults: ['a label is an object with level, categories and releasability'] }
  }
  const given = written as Record<string, unknown>
  const faults = Object.keys(given)
    .filter((key) => !FIELDS.has(key))
    .map((key) => `“${key}” is not a field of a label`)
  const same = (key: 'policy' | 'policyVersion', expected: string): void => {
    if (given[key] === undefined && implied !== undefined) return
    if (given[key] !== expected) faults.push(`${key} is ${show(given[key])}, this site's is “${expected}”`)
  }
  same('policy', policy.urn)
  same('policyVersion', policy.version)
  const level = typeof given['level'] === 'string' ? policy.levels.get(given['level']) : undefined
  if (level === undefined) {
    faults.push(`level ${show(given['level'])} is none of ${[...policy.levels.keys()].join(', ')}`)
  }
  const categories = words(given['categories'] ?? [], 'categories', faults)
  for (const name of categories) {
    const category = policy.categories.get(name)
    const minimum = category === undefined ? undefined : policy.levels.get(category.minimumLevel)
    if (minimum === undefined) faults.push(`category “${name}” is none of ${[...policy.categories.keys()].join(', ')}`)
    else if (level !== undefined && level.rank < minimum.rank) {
      faults.push(`category “${name}” needs at least ${minimum.name}`)
    }
  }
  const nations = new Set<string>()
  for (const name of words(given['releasability'] ?? [], 'releasability', faults)) {
    const members = policy.nations.has(name) ? [name] : policy.groups.get(name)
    if (members === undefined) faults.push(`releasability “${name}” is neither a known nation nor a known group`)
    else for (const member of members) nations.add(member)
  }
  if (level === undefined || faults.length > 0) return { label: undefined, faults }
  return { label: canonicalLabel(policy, level.name, categories, nations), faults: [] }
}

/** Puts checked parts into the one form; the caller vouches that they are known to the policy. */
export function canonicalLabel(
  policy: LabelPolicy,
  level: string,
  categories: Iterable<string>,
  nations: Iterable<string>,
): CanonicalLabel {
  return {
    policy: policy.urn,
    policyVersion: policy.version,
    level,
    categories: [...new Set(categories)].sort(),
    releasability: [...new Set(nations)].filter((nation) => nation !== policy.owner).sort(),
  } as unknown as CanonicalLabel
}

const show = (value: unknown): string => (value === undefined ? 'missing' : `“${String(value)}”`)

function words(value: unknown, field: string, faults: string[]): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value as string[]
  faults.push(`${field} must be a list of names`)
  return []
}
