import { createHash } from 'node:crypto'

/** One exact input of a bundle, as its lock has it. */
export interface Component {
  readonly kind: string
  readonly name: string
  readonly version: string
  readonly path: string
  readonly upstream?: string
  readonly sha256: string
  readonly sha512: string
}

export interface Bill {
  readonly name: string
  readonly version: string
  /** `2026-11-22T00:00:00Z`, from the lock. */
  readonly created: string
  readonly components: readonly Component[]
}

/** purl-spec types of the source kinds; a kind without one is named as a generic package. */
const PURL: Readonly<Record<string, (component: Component) => string>> = {
  apt: ({ name, version, path }) =>
    `pkg:deb/debian/${name}@${encode(version)}?arch=${/_([a-z0-9]+)\.deb$/.exec(path)?.[1] ?? 'all'}&distro=debian-13`,
  npm: ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${encode(version)}`,
  pypi: ({ name, version }) => `pkg:pypi/${name}@${encode(version)}`,
  maven: ({ name, version, path }) =>
    `pkg:maven/${name.replace(':', '/')}@${encode(version)}?type=${/\.(tar\.gz|[a-z]+)$/.exec(path)?.[1] ?? 'jar'}`,
  go: ({ name, version }) => `pkg:golang/${name}@${encode(version)}`,
}

const encode = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':')

export function purlOf(component: Component): string {
  const { name, version, sha256 } = component
  return PURL[component.kind]?.(component) ?? `pkg:generic/${encode(name)}@${encode(version)}?checksum=sha256:${sha256}`
}

/** A UUID (RFC 9562 version 8) that is the same for the same content. */
function uuidOf(text: string): string {
  const hex = createHash('sha512').update(text).digest('hex')
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** CycloneDX 1.6 (ECMA-424) of everything a bundle was made from. The same lock gives the same bytes. */
export function cyclonedx({ name, version, created, components }: Bill): Buffer {
  const listed = components.map((component) => ({
    type: component.kind === 'file' ? 'file' : component.kind === 'oci' ? 'container' : 'library',
    'bom-ref': `${component.kind}:${component.path}`,
    name: component.name,
    version: component.version,
    hashes: [
      { alg: 'SHA-256', content: component.sha256 },
      { alg: 'SHA-512', content: component.sha512 },
    ],
    ...(['file', 'oci'].includes(component.kind) ? {} : { purl: purlOf(component) }),
    properties: [
      { name: 'sallyport:source', value: component.kind },
      { name: 'sallyport:path', value: component.path },
      ...(component.upstream === undefined ? [] : [{ name: 'sallyport:upstream-digest', value: component.upstream }]),
    ],
  }))
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([name, version, created, listed]))}`,
    version: 1,
    metadata: { timestamp: created, component: { type: 'application', 'bom-ref': 'bundle', name, version } },
    components: listed,
    dependencies: [{ ref: 'bundle', dependsOn: listed.map((one) => one['bom-ref']) }],
  }
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}
