import { uuidOfName } from './uuid.ts'

export const OSCAL_VERSION = '1.1.3'

export interface About {
  readonly name: string
  readonly version: string
  /** From the lock. */
  readonly created: string
}

/** A file that a document points at, by digest. */
export interface LinkedFile {
  /** In the bundle, or in the source: `source:test/unit/x.test.ts`. */
  readonly path: string
  readonly sha512: string
}

export function metadataOf({ version, created }: About, title: string): object {
  return { title, 'last-modified': created, version, 'oscal-version': OSCAL_VERSION }
}

/** Back matter: each file once. `source` files are named by their path in the source of this version. */
export function resourcesOf(files: readonly LinkedFile[], href: (path: string) => string = hrefOf): { readonly resources: readonly object[] } | undefined {
  const unique = new Map(files.map((file) => [file.path, file]))
  if (unique.size === 0) return undefined
  return {
    resources: [...unique.values()]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, sha512 }) => ({ uuid: resourceId(path), title: path, rlinks: [{ href: href(path), hashes: [{ algorithm: 'SHA-512', value: sha512 }] }] })),
  }
}

export const resourceId = (path: string): string => uuidOfName(`resource ${path}`)

/** Documents stand in `evidence/oscal/`: files of the bundle are two folders up. */
const hrefOf = (path: string): string => (path.startsWith('source:') ? `urn:sallyport:${path}` : `../../${path}`)

export function text(document: object): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}
