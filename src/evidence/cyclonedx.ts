import { createHash } from 'node:crypto'
import { purlOf, refOf, npmPurl, type Component } from './component.ts'
import { licenceChoices } from './licence.ts'

/** A component of a CycloneDX 1.6 document, as far as ours say something. */
export interface BomComponent {
  readonly type: 'application' | 'container' | 'library' | 'file' | 'operating-system' | 'data'
  readonly 'bom-ref': string
  readonly name: string
  readonly version?: string
  readonly scope?: 'excluded'
  readonly hashes?: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[]
  readonly licenses?: readonly object[]
  readonly purl?: string
  readonly externalReferences?: readonly { readonly type: string; readonly url: string; readonly hashes?: BomComponent['hashes'] }[]
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
  readonly evidence?: { readonly occurrences: readonly { readonly location: string }[] }
  readonly components?: readonly BomComponent[]
}

export interface Bom {
  /** What the document is about. */
  readonly subject: BomComponent
  /** `2026-11-22T00:00:00Z`, from the lock. */
  readonly created: string
  readonly components: readonly BomComponent[]
  /** Vulnerabilities of the components, as CycloneDX has them. */
  readonly vulnerabilities?: readonly object[]
}

export const property = (name: string, value: string): { readonly name: string; readonly value: string } => ({ name: `sallyport:${name}`, value })

/** Components of a program: npm packages that were bundled into it. */
export function bundledComponents(of: string, packages: readonly { name: string; version: string; licence?: string }[]): BomComponent[] {
  return packages.map(({ name, version, licence }) => ({
    type: 'library',
    'bom-ref': `${of}#npm:${name}@${version}`,
    name,
    version,
    ...(licence === undefined ? {} : { licenses: licenceChoices([licence]) }),
    purl: npmPurl(name, version),
  }))
}

/** An input of a bundle; `more` says where it is found. */
export function inputComponent(component: Component, more: Partial<BomComponent> = {}): BomComponent {
  const { kind, name, version, path, upstream, attributes, sha256, sha512, licences = [], for: users = [] } = component
  const licenses = licenceChoices(licences)
  const source = kind === 'apt' ? attributes?.['source'] : undefined
  return {
    type: kind === 'file' ? 'file' : kind === 'oci' ? 'container' : 'library',
    'bom-ref': refOf(component),
    name,
    version,
    ...(more.scope === undefined ? {} : { scope: more.scope }),
    hashes: [
      { alg: 'SHA-256', content: sha256 },
      { alg: 'SHA-512', content: sha512 },
    ],
    ...(licenses.length === 0 ? {} : { licenses }),
    ...(['file', 'oci'].includes(kind) ? {} : { purl: purlOf(component) }),
    properties: [
      property('source', kind),
      property('path', path),
      ...(upstream === undefined ? [] : [property('upstream-digest', upstream)]),
      ...(source === undefined ? [] : [property('source-package', source)]),
      ...users.map((one) => property('for', one)),
      ...(more.properties ?? []),
    ],
    ...(more.evidence === undefined ? {} : { evidence: more.evidence }),
  }
}

/** A UUID (RFC 9562 version 8) that is the same for the same content. */
function uuidOf(text: string): string {
  const hex = createHash('sha512').update(text).digest('hex')
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** CycloneDX 1.6 (ECMA-424). The same content gives the same bytes, serial number included. */
export function bomText({ subject, created, components, vulnerabilities }: Bom): Buffer {
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([subject, created, components, ...(vulnerabilities === undefined ? [] : [vulnerabilities])]))}`,
    version: 1,
    metadata: { timestamp: created, component: subject },
    components,
    dependencies: [{ ref: subject['bom-ref'], dependsOn: components.map((one) => one['bom-ref']) }],
    ...(vulnerabilities === undefined ? {} : { vulnerabilities }),
  }
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}
