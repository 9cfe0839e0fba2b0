import type { Bundle } from '../../bundle/bundle.ts'
import { findingsOf, type Claims, type Finding } from '../advisories/findings.ts'
import { readSnapshot, type Snapshot, type SnapshotSource } from '../advisories/snapshot.ts'
import { subjectsOf } from '../advisories/subjects.ts'
import { packagesOf, type Packages } from '../packages.ts'

/** Known vulnerabilities of two bundles, both held against the newer knowledge. */
export interface AdvisoryChanges {
  readonly sources: readonly SnapshotSource[]
  /** In OLD, and no longer in NEW. */
  readonly fixed: readonly Finding[]
  /** In NEW, and not in OLD. */
  readonly introduced: readonly Finding[]
  /** In both, and open. `learnt` when the data that OLD carries did not know it. */
  readonly remaining: readonly (Finding & { readonly learnt: boolean })[]
  /** In both or in NEW, and settled by a VEX statement. */
  readonly settled: readonly Finding[]
}

/**
 * The newer snapshot judges both bundles, so that what was published since does not look as if the new release brought it.
 * Packages that only OLD has are judged by what OLD carries, since NEW carries records about its own packages only.
 * Undefined when neither NEW nor `extra` carries advisories. `extra` is a bundle of advisories alone.
 */
export async function advisoryChanges(before: Bundle, after: Bundle, extra?: Bundle): Promise<AdvisoryChanges | undefined> {
  const [own, old] = [await readSnapshot(after), await readSnapshot(before)]
  const newest = extra === undefined ? own : await readSnapshot(extra)
  if (newest === undefined) return undefined
  const statements = [...newest.statements, ...(newest === own ? [] : (own?.statements ?? []))]
  const [had, has] = [await packagesOf(before), await packagesOf(after)]
  const now = findingsOf(has, newest.claims, statements)
  const then = findingsOf(had, extra === undefined ? withGone(newest, old, has) : newest.claims, [...(old?.statements ?? []), ...statements])
  const known = new Set(old === undefined ? then.map(key) : findingsOf(had, old.claims, []).map(key))
  const [inThen, inNow] = [new Set(then.map(key)), new Set(now.map(key))]
  return {
    sources: newest.sources,
    fixed: then.filter((one) => !inNow.has(key(one))),
    introduced: now.filter((one) => !inThen.has(key(one))),
    remaining: now.filter((one) => inThen.has(key(one)) && one.open).map((one) => ({ ...one, learnt: !known.has(key(one)) })),
    settled: now.filter((one) => !one.open),
  }
}

function withGone(newest: Snapshot, old: Snapshot | undefined, has: Packages): Claims {
  const present = new Set(subjectsOf(has).map(({ claimed }) => claimed))
  return new Map([...[...(old?.claims ?? [])].filter(([name]) => !present.has(name)), ...newest.claims])
}

/** The same vulnerability of the same package, whatever its version. */
const key = ({ id, name }: Finding): string => `${id} ${name}`
