import type { Component } from './component.ts'
import { bomText, bundledComponents, inputComponent, property, type BomComponent } from './cyclonedx.ts'

/** A file of an image that belongs to no package. */
export interface UnownedFile {
  readonly path: string
  /** Name or digest of the layer that brings it. */
  readonly layer: string
  /** Of its bytes; a symbolic link has a target instead. */
  readonly sha256?: string
  readonly sha512?: string
  readonly target?: string
  /** npm packages bundled into it, when it is a program made here. */
  readonly packages?: readonly { readonly name: string; readonly version: string; readonly licence?: string }[]
}

/** A package that an image's own package database names. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licences: readonly string[]
  /** `busybox (1:1.37.0-6)`, where the database says what it was built from. */
  readonly source?: string
  readonly files: readonly string[]
}

export interface ImageContents {
  readonly name: string
  readonly version: string
  readonly reference: string
  readonly created: string
  readonly manifest: { readonly sha256: string; readonly sha512: string }
  /** `recipe`: made here, so that each file's input is known. `foreign`: as its own package database says. */
  readonly known: 'recipe' | 'foreign'
  readonly inputs: readonly { readonly component: Component; readonly files: readonly string[]; readonly tool: boolean }[]
  readonly installed: readonly InstalledPackage[]
  readonly unowned: readonly UnownedFile[]
}

/** The SBOM of one image: each file stands under the package that it belongs to, or as a component without an owner. */
export function imageBom(image: ImageContents): Buffer {
  const { name, version, reference, created, manifest, inputs, installed, unowned } = image
  const packages: BomComponent[] = [
    ...inputs.map(({ component, files, tool }) =>
      inputComponent(component, { ...(tool ? { scope: 'excluded' as const } : {}), ...occurrences(files) }),
    ),
    ...installed.map((one) => installedComponent(one)),
  ]
  const owned = [...inputs, ...installed].reduce((sum, { files }) => sum + files.length, 0)
  return bomText({
    created,
    subject: {
      type: 'container',
      'bom-ref': 'image',
      name,
      version,
      hashes: [
        { alg: 'SHA-256', content: manifest.sha256 },
        { alg: 'SHA-512', content: manifest.sha512 },
      ],
      purl: `pkg:oci/${name}@sha256%3A${manifest.sha256}?tag=${encodeURIComponent(version)}`,
      properties: [
        property('reference', reference),
        property('origin', image.known),
        property('files', String(owned + unowned.length)),
        property('files-owned', String(owned)),
        property('files-unowned', String(unowned.length)),
      ],
    },
    components: [...packages, ...unowned.map(unownedComponent)],
  })
}

function occurrences(files: readonly string[]): Partial<BomComponent> {
  return files.length === 0 ? {} : { evidence: { occurrences: files.map((path) => ({ location: `/${path}` })) } }
}

function installedComponent({ name, version, purl, licences, source, files }: InstalledPackage): BomComponent {
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    ...(licences.length === 0 ? {} : { licenses: licences.map((text) => ({ license: { name: text } })) }),
    purl,
    ...(source === undefined ? {} : { properties: [property('source-package', source)] }),
    ...occurrences(files),
  }
}

function unownedComponent({ path, layer, sha256, sha512, target, packages = [] }: UnownedFile): BomComponent {
  const ref = `file:/${path}`
  return {
    type: 'file',
    'bom-ref': ref,
    name: `/${path}`,
    ...(sha256 === undefined || sha512 === undefined
      ? {}
      : {
          hashes: [
            { alg: 'SHA-256' as const, content: sha256 },
            { alg: 'SHA-512' as const, content: sha512 },
          ],
        }),
    properties: [property('owner', 'none'), property('layer', layer), ...(target === undefined ? [] : [property('link-to', target)])],
    ...(packages.length === 0 ? {} : { components: bundledComponents(ref, packages) }),
  }
}
