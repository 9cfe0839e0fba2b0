import type { Packages } from '../packages.ts'
import { canonicalId, claimName, type Claim, type Verdict } from './claim.ts'
import { subjectsOf, type Subject } from './subjects.ts'
import { statementFor, type VexStatement } from './vex.ts'

/** A vulnerability that concerns a package of a bundle. */
export interface Finding {
  /** The CVE where there is one. */
  readonly id: string
  /** Every other name it has in the sources. */
  readonly aliases: readonly string[]
  /** Names of the sources that say so. */
  readonly sources: readonly string[]
  /** `deb busybox`: by the name that the advisories use. */
  readonly name: string
  readonly version: string
  readonly packages: readonly { readonly name: string; readonly version: string; readonly purl: string; readonly places: readonly string[] }[]
  readonly summary: string
  readonly severity?: string
  readonly vector?: string
  readonly fixed?: string
  readonly published?: string
  readonly modified?: string
  readonly verdict: Verdict
  readonly vex?: VexStatement
  /** Nobody has said that it does not matter here. */
  readonly open: boolean
}

/** By `claimName` of what they are about. */
export type Claims = ReadonlyMap<string, readonly Claim[]>

export function claimsByName(claims: Iterable<Claim>): Claims {
  return Map.groupBy(claims, ({ type, name }) => claimName(type, name))
}

/** Everything the claims say about the packages, sorted by vulnerability and package; the same from several sources once. */
export function findingsOf(packages: Packages, claims: Claims, statements: readonly VexStatement[]): Finding[] {
  const found = new Map<string, { claims: { claim: Claim; verdict: Verdict }[]; subjects: Subject[] }>()
  for (const [, subjects] of Map.groupBy(subjectsOf(packages), ({ claimed, version }) => `${claimed} ${version}`)) {
    const [first] = subjects
    if (first === undefined) continue
    for (const claim of claims.get(first.claimed) ?? []) {
      const verdict = claim.verdict(first.version)
      if (verdict === undefined) continue
      const key = `${canonicalId(claim)} ${first.claimed} ${first.version}`
      const known = found.get(key)
      if (known === undefined) found.set(key, { claims: [{ claim, verdict }], subjects })
      else known.claims.push({ claim, verdict })
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { claims: said, subjects }]) => findingOf(said, subjects, statements))
}

const settles = (statement: VexStatement | undefined): boolean => statement?.status === 'not_affected' || statement?.status === 'fixed'

function findingOf(said: readonly { claim: Claim; verdict: Verdict }[], subjects: readonly Subject[], statements: readonly VexStatement[]): Finding[] {
  const [first] = said
  const [subject] = subjects
  if (first === undefined || subject === undefined) return []
  const id = canonicalId(first.claim)
  const names = [...new Set(said.flatMap(({ claim }) => [claim.id, ...claim.aliases]))].sort()
  const one = <K extends 'severity' | 'vector' | 'fixed' | 'published' | 'modified'>(member: K): Partial<Record<K, string>> => {
    const value = said.map(({ claim }) => claim[member]).find((text) => text !== undefined)
    return value === undefined ? {} : ({ [member]: value } as Partial<Record<K, string>>)
  }
  // Every package of one source must be spoken of: a statement on one of them leaves the others open.
  const spoken = subjects.map((each) => statementFor(statements, [id, ...names], each))
  const vex = spoken.includes(undefined) ? undefined : (spoken.find((statement) => !settles(statement)) ?? spoken[0])
  return [
    {
      id,
      aliases: names.filter((name) => name !== id),
      sources: [...new Set(said.map(({ claim }) => claim.source))].sort(),
      name: subject.claimed,
      version: subject.version,
      packages: subjects.map(({ package: name, packageVersion: version, purl, places }) => ({ name, version, purl, places })),
      summary: said.map(({ claim }) => claim.summary).find((text) => text !== '') ?? '',
      ...one('severity'),
      ...one('vector'),
      ...one('fixed'),
      ...one('published'),
      ...one('modified'),
      verdict: said.some(({ verdict }) => verdict === 'affected') ? 'affected' : 'undetermined',
      ...(vex === undefined ? {} : { vex }),
      open: !spoken.every(settles),
    },
  ]
}
