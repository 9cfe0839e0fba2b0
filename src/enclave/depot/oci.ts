import type { ContentStore } from '../../bundle/store.ts'
import { LIMITS } from '../../bundle/layout.ts'
import type { ImageEntry } from '../../bundle/statement.ts'
import { fault } from '../codes.ts'

/** What the static registry serves for one image: OCI Distribution 1.1, pull only. */
export interface ServedFile {
  /** Below `oci/`. */
  readonly path: string
  readonly sha256: string
  /** Set for manifests: served as this media type. */
  readonly mediaType?: string
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']
const MAX_DEPTH = 3

interface Descriptor {
  readonly digest: string
  readonly mediaType?: string
}
interface Document {
  readonly mediaType?: string
  readonly config?: Descriptor
  readonly layers?: readonly Descriptor[]
  readonly manifests?: readonly Descriptor[]
}

/** Every file that serves `v2/NAME/manifests/TAG`, `…/manifests/sha256:…` and `…/blobs/sha256:…`. */
export async function imageFiles(store: Pick<ContentStore, 'bytes'>, image: ImageEntry): Promise<ServedFile[]> {
  const base = `v2/${image.name}`
  const files = new Map<string, ServedFile>()
  const add = (file: ServedFile): void => void files.set(file.path, file)
  const manifest = async (sha256: string, claimed: string | undefined, depth: number): Promise<string> => {
    if (depth > MAX_DEPTH) throw fault('E_RELEASE', `image ${image.name}: its indexes are nested too deep`)
    const document = JSON.parse((await store.bytes(sha256, LIMITS.imageManifest)).toString('utf8')) as Document
    const mediaType = document.mediaType ?? claimed ?? (document.manifests ? (INDEXES[0] as string) : MANIFEST)
    if (!/^application\/[a-z0-9.+-]+$/.test(mediaType)) throw fault('E_RELEASE', `image ${image.name}: media type ${JSON.stringify(mediaType)}`)
    add({ path: `${base}/manifests/sha256:${sha256}`, sha256, mediaType })
    if (INDEXES.includes(mediaType))
      for (const child of document.manifests ?? []) await manifest(hexOf(child, image.name), child.mediaType, depth + 1)
    else
      for (const part of [document.config, ...(document.layers ?? [])])
        if (part) add({ path: `${base}/blobs/sha256:${hexOf(part, image.name)}`, sha256: hexOf(part, image.name) })
    return mediaType
  }
  const mediaType = await manifest(image.manifest.sha256, undefined, 0)
  add({ path: `${base}/manifests/${tagOf(image)}`, sha256: image.manifest.sha256, mediaType })
  return [...files.values()]
}

function tagOf({ reference }: ImageEntry): string {
  return /:([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/.exec(reference)?.[1] ?? 'latest'
}

function hexOf(descriptor: Descriptor, image: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(descriptor.digest)?.[1]
  if (!hex) throw fault('E_RELEASE', `image ${image}: ${JSON.stringify(descriptor.digest)} is no sha256 digest`)
  return hex
}

/** Lines of nginx's map from the address of a manifest to its media type. */
export function mediaTypeMap(files: readonly ServedFile[]): string {
  return files
    .filter((file) => file.mediaType !== undefined && file.mediaType !== MANIFEST)
    .map((file) => `"/${file.path}" "${file.mediaType}";\n`)
    .sort()
    .join('')
}
