import type { Bundle } from '../../bundle/bundle.ts'
import { fault } from '../codes.ts'
import { readEvidence } from '../read.ts'
import type { Claim } from './claim.ts'
import { codenameOf, debianClaims, type TrackerEntry } from './debian.ts'
import { claimsByName, type Claims } from './findings.ts'
import { osvClaims, type OsvRecord } from './osv.ts'
import { parseOpenVex, type VexStatement } from './vex.ts'

export const FORMATS = ['debian-tracker', 'osv'] as const
export type AdvisoryFormat = (typeof FORMATS)[number]

const TYPE = 'application/vnd.sallyport.advisories.v1+json'
export const INDEX_PATH = 'advisories/index.json'

/** One source of advisories, as a bundle carries it: all its records about packages of the bundle, in the source's own format. */
export interface SnapshotSource {
  readonly name: string
  readonly format: AdvisoryFormat
  /** Day the data was fetched from its publisher, as the definition says. */
  readonly dated: string
  /** Of the operating system: `13`. */
  readonly release: string
  /** Under evidence/. */
  readonly path: string
  readonly sha512: string
  readonly records: number
  /** The whole data set that the records were taken from. */
  readonly upstream: { readonly files: number; readonly size: number; readonly sha512: string; readonly records: number }
}

export interface SnapshotIndex {
  readonly type: typeof TYPE
  readonly sources: readonly SnapshotSource[]
  /** OpenVEX documents, under evidence/. */
  readonly vex: readonly { readonly path: string; readonly sha512: string }[]
}

export interface Snapshot {
  readonly sources: readonly SnapshotSource[]
  readonly claims: Claims
  readonly statements: readonly VexStatement[]
}

export function indexText(sources: readonly SnapshotSource[], vex: SnapshotIndex['vex']): Buffer {
  return Buffer.from(`${JSON.stringify({ type: TYPE, sources, vex } satisfies SnapshotIndex, null, 2)}\n`)
}

/** The advisories that a bundle carries; undefined when its definition names no source. @throws E_EVIDENCE_INVALID */
export async function readSnapshot(bundle: Bundle): Promise<Snapshot | undefined> {
  const index = (await readEvidence(bundle, INDEX_PATH)) as Partial<SnapshotIndex> | undefined
  if (index === undefined) return undefined
  if (index.type !== TYPE || !Array.isArray(index.sources) || !Array.isArray(index.vex))
    throw fault('E_EVIDENCE_INVALID', `evidence/${INDEX_PATH} of ${bundle.directory} is not an index of advisories`)
  const claims: Claim[] = []
  for (const source of index.sources) for (const claim of claimsIn(source, await readEvidence(bundle, source.path))) claims.push(claim)
  const statements: VexStatement[] = []
  for (const { path } of index.vex as SnapshotIndex['vex']) statements.push(...parseOpenVex(await readEvidence(bundle, path)).statements)
  return { sources: index.sources, claims: claimsByName(claims), statements }
}

/** The claims of the records that a bundle carries of one source. */
export function claimsIn({ name, format, release }: Pick<SnapshotSource, 'name' | 'format' | 'release'>, value: unknown): Claim[] {
  if (format === 'osv') return (value as readonly OsvRecord[]).flatMap((record) => osvClaims(record, { source: name, release }))
  const packages = Object.entries((value ?? {}) as Record<string, Record<string, TrackerEntry>>)
  return packages.flatMap(([source, entries]) => debianClaims(source, entries, { source: name, release: codenameOf(release) }))
}
