import { fault } from './codes.ts'
import { LIMITS } from './layout.ts'
import { printable, shown } from './printable.ts'
import type { ImageEntry } from './statement.ts'
import { serialise } from './strict-json.ts'

/** The part of an OCI descriptor that bundles rely on (image-spec 1.1, descriptor.md). */
interface Descriptor {
  readonly sha256: string
  readonly size: number
}

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEXES = [OCI_INDEX, 'application/vnd.docker.distribution.manifest.list.v2+json']
const MANIFESTS = [OCI_MANIFEST, 'application/vnd.docker.distribution.manifest.v2+json']

/** image-spec 1.1, image-layout.md: the marker file. */
export const OCI_LAYOUT = Buffer.from('{"imageLayoutVersion":"1.0.0"}')

export interface ImageClosure {
  readonly mediaType: string
  /** The manifest itself and everything it refers to, each once. */
  readonly blobs: readonly Descriptor[]
}

/** Gives the verified bytes of a blob, or undefined when there is none. */
type ReadBlob = (sha256: string, limit: number) => Promise<Buffer | undefined>

function invalid(sha256: string, why: string): Error {
  return fault('E_MANIFEST_INVALID', `image manifest ${sha256} cannot be used: ${why}`)
}

function descriptor(value: unknown, sha256: string): Descriptor {
  const { digest, size } = (value ?? {}) as { digest?: unknown; size?: unknown }
  const hex = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1] : undefined
  if (hex === undefined) throw invalid(sha256, `the descriptor digest ${shown(digest)} is not sha256:<64 hex>`)
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw invalid(sha256, `the size of sha256:${hex} is not a number`)
  return { sha256: hex, size: size as number }
}

function parseManifest(bytes: Buffer, sha256: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (error) {
    throw invalid(sha256, printable((error as Error).message))
  }
  throw invalid(sha256, 'it is not an object')
}

/**
 * Follows an image manifest, or an index of manifests, to every blob it needs. Manifests made elsewhere are kept byte
 * for byte, so they need not be strict JSON.
 * @throws E_MANIFEST_INVALID, E_REFERENCE_ABSENT when a manifest is not there
 */
export async function imageClosure(root: Descriptor, read: ReadBlob): Promise<ImageClosure> {
  const blobs = new Map<string, Descriptor>()
  let mediaType = OCI_MANIFEST
  const visit = async (item: Descriptor, depth: number): Promise<void> => {
    if (depth > 3) throw invalid(item.sha256, 'indexes stand in each other more than three deep')
    blobs.set(item.sha256, item)
    const bytes = await read(item.sha256, LIMITS.imageManifest)
    if (!bytes) throw fault('E_REFERENCE_ABSENT', `there is no blob for the image manifest ${item.sha256}`)
    const manifest = parseManifest(bytes, item.sha256)
    const isIndex = Array.isArray(manifest['manifests'])
    const type = manifest['mediaType'] ?? (isIndex ? OCI_INDEX : OCI_MANIFEST)
    if (!(isIndex ? INDEXES : MANIFESTS).includes(type as string)) {
      throw invalid(item.sha256, `the media type ${shown(type)} is not known`)
    }
    if (depth === 0) mediaType = type as string
    if (isIndex) {
      for (const one of manifest['manifests'] as unknown[]) await visit(descriptor(one, item.sha256), depth + 1)
      return
    }
    if (!Array.isArray(manifest['layers'])) throw invalid(item.sha256, 'it has no layers')
    for (const one of [manifest['config'], ...(manifest['layers'] as unknown[])]) {
      const blob = descriptor(one, item.sha256)
      blobs.set(blob.sha256, blob)
    }
    if (blobs.size > LIMITS.blobs) throw invalid(item.sha256, `it refers to more than ${LIMITS.blobs} blobs`)
  }
  await visit(root, 0)
  return { mediaType, blobs: [...blobs.values()] }
}

/** The bytes of index.json: one descriptor for each image, in the order of bundle.json. */
export function serialiseIndex(images: readonly { entry: ImageEntry; mediaType: string }[]): Buffer {
  return serialise({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: images.map(({ entry, mediaType }) => ({
      mediaType,
      digest: `sha256:${entry.manifest.sha256}`,
      size: entry.manifest.size,
      annotations: { 'org.opencontainers.image.ref.name': entry.reference },
    })),
  })
}
