import type { Bundle } from '../bundle/bundle.ts'
import type { BomComponent } from './cyclonedx.ts'
import { propertiesOf, readBom, type ReadBom } from './read.ts'

/** One version of a package in a bundle, and where it is. */
export interface PackageVersion {
  readonly version: string
  readonly purl: string
  /** `busybox (1:1.37.0-6)`: what a Debian package was built from. */
  readonly source?: string
  /** `mirrors/debian`, `images/postgresql`, `installer`. */
  readonly places: readonly string[]
  /** sha512 of the archive, where it is known: a foreign image tells none. */
  readonly sha512?: string
}

/** `deb busybox` → its versions, sorted. Names are unique across ecosystems by their first word. */
export type Packages = ReadonlyMap<string, readonly PackageVersion[]>

/** Every package of a bundle, from its SBOMs. @throws E_EVIDENCE_ABSENT, E_EVIDENCE_INVALID */
export async function packagesOf(bundle: Bundle): Promise<Packages> {
  const bom = await readBom(bundle, 'sbom.cdx.json')
  const images = new Map<string, ReadBom>()
  for (const { name } of bundle.statement.images) images.set(name, await readBom(bundle, `images/${name}.cdx.json`))
  return packagesIn(bom, images)
}

/** Its inputs, what is bundled into programs made here, and what images made elsewhere say of themselves. */
export function packagesIn(bom: ReadBom, images: ReadonlyMap<string, ReadBom>): Packages {
  const found = new Map<string, Map<string, PackageVersion>>()
  const add = (component: BomComponent, places: readonly string[]): void => {
    const { purl, version = '' } = component
    const name = purl === undefined ? undefined : packageName(purl)
    if (purl === undefined || name === undefined) return
    const versions = found.get(name) ?? new Map<string, PackageVersion>()
    const known = versions.get(version)
    const sha512 = component.hashes?.find(({ alg }) => alg === 'SHA-512')?.content
    const [source] = propertiesOf(component, 'source-package')
    versions.set(version, {
      version,
      purl,
      ...(source === undefined ? {} : { source }),
      places: [...new Set([...(known?.places ?? []), ...places])].sort(),
      ...(sha512 === undefined ? {} : { sha512 }),
    })
    found.set(name, versions)
  }
  for (const component of bom.components) {
    if (component['bom-ref'] === 'installer') for (const part of component.components ?? []) add(part, ['installer'])
    else if (component.type === 'library') add(component, propertiesOf(component, 'for'))
  }
  for (const [name, { metadata, components }] of images) {
    const foreign = propertiesOf(metadata.component, 'origin').includes('foreign')
    for (const component of components) {
      if (foreign && component.type === 'library') add(component, [`images/${name}`])
      for (const part of component.components ?? []) add(part, [`images/${name}`])
    }
  }
  return new Map(
    [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, versions]) => [name, [...versions.values()].sort((a, b) => (a.version < b.version ? -1 : 1))]),
  )
}

/** `pkg:deb/debian/busybox@1` → `deb busybox`; the distribution is said by the version. */
export function packageName(purl: string): string | undefined {
  const [, type, path] = /^pkg:([a-z]+)\/([^@?#]+)/.exec(purl) ?? []
  if (type === undefined || path === undefined) return undefined
  const name = decodeURIComponent(path)
  return `${type} ${['deb', 'rpm', 'apk'].includes(type) ? name.slice(name.lastIndexOf('/') + 1) : name}`
}
