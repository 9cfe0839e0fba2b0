import type { Bundle } from '../../bundle/bundle.ts'
import { findingsOf, type Finding } from '../advisories/findings.ts'
import { readSnapshot, type SnapshotSource } from '../advisories/snapshot.ts'
import { difference, type Difference } from '../diff/difference.ts'
import { imageStates, type ImageState } from '../diff/images.ts'
import { rightsIn } from '../diff/infrastructure.ts'
import type { Right } from '../diff/services.ts'
import { packagesOf, type Packages } from '../packages.ts'
import { propertiesOf, readBom } from '../read.ts'

export interface ImageSummary extends ImageState {
  readonly reference: string
  /** `recipe` or `foreign`. */
  readonly origin: string
  readonly files: number
  readonly owned: number
}

/** Everything the report says, read from verified bundles. */
export interface ReportContents {
  readonly bundle: Bundle
  readonly packages: Packages
  readonly images: readonly ImageSummary[]
  readonly rights: readonly Right[]
  /** Licence as stated → number of packages; '' for those that state none. */
  readonly licences: ReadonlyMap<string, number>
  readonly advisories?: { readonly sources: readonly SnapshotSource[]; readonly findings: readonly Finding[] }
  readonly since?: Difference
}

export interface Beside {
  /** An earlier bundle, verified. */
  readonly since?: Bundle
  /** A bundle of newer advisories, verified. */
  readonly advisories?: Bundle
}

/** @throws E_EVIDENCE_ABSENT, E_EVIDENCE_INVALID and those of reading a bundle */
export async function reportContents(bundle: Bundle, { since, advisories }: Beside = {}): Promise<ReportContents> {
  const packages = await packagesOf(bundle)
  const own = await readSnapshot(bundle)
  const snapshot = advisories === undefined ? own : await readSnapshot(advisories)
  const statements = [...(snapshot?.statements ?? []), ...(snapshot === own ? [] : (own?.statements ?? []))]
  return {
    bundle,
    packages,
    images: await summaries(bundle),
    rights: await rightsIn(bundle),
    licences: await licencesOf(bundle),
    ...(snapshot === undefined ? {} : { advisories: { sources: snapshot.sources, findings: findingsOf(packages, snapshot.claims, statements) } }),
    ...(since === undefined ? {} : { since: await difference(since, bundle, advisories) }),
  }
}

async function summaries(bundle: Bundle): Promise<ImageSummary[]> {
  const states = await imageStates(bundle)
  const found: ImageSummary[] = []
  for (const { name, reference } of bundle.statement.images) {
    const state = states.get(name)
    const { component } = (await readBom(bundle, `images/${name}.cdx.json`)).metadata
    const number = (property: string): number => Number(propertiesOf(component, property)[0] ?? 0)
    if (state !== undefined) found.push({ ...state, reference, origin: propertiesOf(component, 'origin')[0] ?? '', files: number('files'), owned: number('files-owned') })
  }
  return found
}

async function licencesOf(bundle: Bundle): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const { type, licenses = [] } of (await readBom(bundle, 'sbom.cdx.json')).components) {
    if (type !== 'library') continue
    const stated = (licenses as readonly { expression?: string; license?: { id?: string; name?: string } }[]).map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '')
    for (const one of stated.length === 0 ? [''] : stated) counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  return new Map([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))
}
