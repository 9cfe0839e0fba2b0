import { canonicalLabel } from './label.ts'
import type { CanonicalLabel } from './label.ts'
import type { LabelPolicy } from './policy.ts'

/*
 * Labels form a lattice. `join` is its least upper bound (highest level, union of restrictive categories, intersection
 * of releasability), `dominates` its order. The laws (associative, commutative, idempotent, monotone, neutral lowest
 * element) are property-tested in test/unit/mesh-labels.test.ts.
 */

/** The label of something made from both: as restrictive as either. */
export function join(policy: LabelPolicy, a: CanonicalLabel, b: CanonicalLabel): CanonicalLabel {
  const higher = rankOf(policy, a.level) >= rankOf(policy, b.level) ? a.level : b.level
  const released = a.releasability.filter((nation) => b.releasability.includes(nation))
  return canonicalLabel(policy, higher, [...a.categories, ...b.categories], released)
}

export function joinAll(policy: LabelPolicy, labels: Iterable<CanonicalLabel>): CanonicalLabel {
  let result = lowest(policy)
  for (const label of labels) result = join(policy, result, label)
  return result
}

/** Neutral element of `join`: lowest level, no categories, released to every nation of the policy. */
export function lowest(policy: LabelPolicy): CanonicalLabel {
  const [first] = [...policy.levels.values()].sort((x, y) => x.rank - y.rank)
  return canonicalLabel(policy, first?.name ?? '', [], policy.nations)
}

/** `a` is at least as restrictive as `b`: whoever may read `a` may read `b`. */
export function dominates(policy: LabelPolicy, a: CanonicalLabel, b: CanonicalLabel): boolean {
  return (
    rankOf(policy, a.level) >= rankOf(policy, b.level) &&
    b.categories.every((category) => a.categories.includes(category)) &&
    a.releasability.every((nation) => b.releasability.includes(nation))
  )
}

/** What this enclave is accredited for. Absent categories: every category of the policy. */
export interface Ceiling {
  readonly level: string
  readonly categories?: readonly string[]
}

/** One line for each way in which the label is above the ceiling; empty when it is within. */
export function aboveCeiling(policy: LabelPolicy, label: CanonicalLabel, ceiling: Ceiling): readonly string[] {
  const found: string[] = []
  if (rankOf(policy, label.level) > rankOf(policy, ceiling.level)) {
    found.push(`level ${label.level} is above this site's ceiling ${ceiling.level}`)
  }
  for (const category of label.categories) {
    if (ceiling.categories !== undefined && !ceiling.categories.includes(category)) {
      found.push(`category ${category} is not accredited at this site`)
    }
  }
  return found
}

/** Rank of a level that is known to the policy; an unknown one ranks above everything, so that it fails closed. */
export function rankOf(policy: LabelPolicy, level: string): number {
  return policy.levels.get(level)?.rank ?? Number.MAX_SAFE_INTEGER
}

/** Nations whose people may read it, the owner included. */
export function nationsOf(policy: LabelPolicy, label: CanonicalLabel): readonly string[] {
  return [...label.releasability, policy.owner].sort()
}
