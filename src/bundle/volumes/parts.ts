import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobRef } from '../digest.ts'
import { LAYOUT } from '../layout.ts'
import type { Sums } from '../sums.ts'
import type { Base } from './base.ts'
import type { Item } from './contents.ts'
import { deltasFor } from './delta-make.ts'

/** Bytes in their order, read into a buffer of the caller: none of their own, which would wait for the collector. */
export interface Source {
  /** How many bytes of `into` were filled; 0 at the end. */
  read(into: Buffer): Promise<number>
  close(): Promise<void>
}

/** A file of the bundle and how its bytes get into the content. */
export interface Part {
  readonly item: Item
  /** Of the streamed bytes; undefined for a delta, whose blob was hashed when it was made. */
  readonly sha512: string | undefined
  /** Undefined when nothing of it gets into the content. */
  readonly open: (() => Promise<Source>) | undefined
}

/** The bytes of a file. */
export async function sourceOf(path: string): Promise<Source> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  return {
    read: async (into) => (await file.read(into, 0, into.byteLength, null)).bytesRead,
    close: () => file.close(),
  }
}

export interface PartsRequest {
  readonly bundle: string
  readonly paths: readonly string[]
  readonly sums: Sums
  readonly blobs: ReadonlyMap<string, BlobRef>
  readonly sizes: ReadonlyMap<string, number>
  readonly bases: readonly Base[]
  readonly signal?: AbortSignal | undefined
}

/** Every file of the bundle in the order of its paths: as it is, left out because a base holds it, or as a delta. */
export async function partsOf({ bundle, paths, sums, blobs, sizes, bases, signal }: PartsRequest): Promise<Part[]> {
  const held = new Set(bases.flatMap((base) => [...base.sums].map(([path, digest]) => (path.startsWith(`${LAYOUT.blobs}/`) ? `blob ${digest}` : `${path} ${digest}`))))
  const parts: Part[] = []
  const fresh = new Map<string, number>()
  for (const path of paths) {
    const digest = sums.get(path) ?? ''
    const blob = path.startsWith(`${LAYOUT.blobs}/`) ? blobs.get(path.slice(LAYOUT.blobs.length + 1)) : undefined
    const item: Item = { path, size: sizes.get(path) ?? 0 }
    if (held.has(blob ? `blob ${digest}` : `${path} ${digest}`)) parts.push({ item: { ...item, held: true }, sha512: undefined, open: undefined })
    else {
      fresh.set(path, item.size)
      parts.push({ item, sha512: digest, open: () => sourceOf(join(bundle, path)) })
    }
  }
  const deltas = await deltasFor({ bundle, fresh, sums, bases, signal })
  return parts.map((part) => deltas.get(part.item.path) ?? part)
}
