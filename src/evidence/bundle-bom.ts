import type { Component } from './component.ts'
import { bomText, bundledComponents, inputComponent, property, type BomComponent } from './cyclonedx.ts'

/** A file that crosses and is no input taken from elsewhere: an index made here, a role, a document. */
export interface OwnFile {
  /** `iac/ansible`, `mirrors/npm`, `docs`. */
  readonly place: string
  readonly path: string
  readonly sha256?: string
  readonly sha512: string
}

export interface BundleContents {
  readonly name: string
  readonly version: string
  readonly created: string
  readonly components: readonly Component[]
  readonly images: readonly { readonly name: string; readonly reference: string; readonly manifest: { readonly sha256: string; readonly sha512: string }; readonly bom: { readonly path: string; readonly sha512: string } }[]
  readonly files: readonly OwnFile[]
  readonly installer?: { readonly sha256: string; readonly sha512: string; readonly packages: readonly { name: string; version: string; licence?: string }[] }
}

/** The SBOM of a bundle: every input, every image with its own SBOM, the installer, and each file that no package owns. */
export function bundleBom({ name, version, created, components, images, files, installer }: BundleContents): Buffer {
  const listed: BomComponent[] = [
    ...images.map(({ name: image, reference, manifest, bom }) => ({
      type: 'container' as const,
      'bom-ref': `image:${image}`,
      name: image,
      version,
      hashes: [
        { alg: 'SHA-256' as const, content: manifest.sha256 },
        { alg: 'SHA-512' as const, content: manifest.sha512 },
      ],
      externalReferences: [{ type: 'bom', url: bom.path, hashes: [{ alg: 'SHA-512' as const, content: bom.sha512 }] }],
      properties: [property('reference', reference)],
    })),
    ...(installer === undefined
      ? []
      : [
          {
            type: 'application' as const,
            'bom-ref': 'installer',
            name: 'sallyport',
            version,
            hashes: [
              { alg: 'SHA-256' as const, content: installer.sha256 },
              { alg: 'SHA-512' as const, content: installer.sha512 },
            ],
            components: bundledComponents('installer', installer.packages),
          },
        ]),
    ...components.map((component) => inputComponent(component)),
    ...files.map(({ place, path, sha256, sha512 }) => ({
      type: 'file' as const,
      'bom-ref': `${place}:${path}`,
      name: `${place}/${path}`,
      hashes: [...(sha256 === undefined ? [] : [{ alg: 'SHA-256' as const, content: sha256 }]), { alg: 'SHA-512' as const, content: sha512 }],
      properties: [property('owner', 'none'), property('place', place)],
    })),
  ]
  return bomText({ created, subject: { type: 'application', 'bom-ref': 'bundle', name, version }, components: listed })
}
