import { posix } from 'node:path'
import type { ContentStore } from '../../bundle/store.ts'
import type { MadeLayer } from './image.ts'
import type { Node, OwnedEntry } from './node.ts'
import { readTar } from './tar-read.ts'

/** Far above the list of any layer. */
const LIMIT = 64 << 20

/** One file of an image as it is seen in the end. */
export interface ImageFile {
  readonly path: string
  readonly node: Exclude<Node, { type: 'directory' }>
  /** Layer that brings it. */
  readonly layer: string
  /** sha256 of the input it was taken out of; absent when the recipe itself, or a command of it, made it. */
  readonly input?: string
}

/** The list that stands beside a layer in the store: sha256 of an input → its paths. The same entries give the same bytes. */
export function ownersOf(entries: readonly OwnedEntry[]): Buffer {
  const paths = new Map<string, string[]>()
  for (const { path, node, origin } of entries) {
    if (node.type === 'directory' || origin?.input === undefined) continue
    const known = paths.get(origin.input)
    if (known === undefined) paths.set(origin.input, [path])
    else known.push(path)
  }
  return Buffer.from(JSON.stringify(Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1)))))
}

/** Every file and link of an image, sorted by path, each with the input that it came from. Memory: its list of files. */
export async function imageFiles(layers: readonly MadeLayer[], store: ContentStore): Promise<ImageFile[]> {
  const files = new Map<string, ImageFile>()
  for (const { name, blob, owners } of layers) {
    const ownerOf = new Map<string, string>()
    const lists = owners === undefined ? {} : (JSON.parse((await store.bytes(owners.sha256, LIMIT)).toString('utf8')) as Record<string, string[]>)
    for (const [input, paths] of Object.entries(lists)) for (const path of paths) ownerOf.set(path, input)
    for (const { path, node } of readTar(store.pathOf(blob.sha256))) {
      if (posix.basename(path).startsWith('.wh.')) {
        const gone = posix.join(posix.dirname(path), posix.basename(path).slice('.wh.'.length))
        for (const known of files.keys()) if (known === gone || known.startsWith(`${gone}/`)) files.delete(known)
        continue
      }
      if (node.type === 'directory') continue
      const input = ownerOf.get(path)
      files.set(path, { path, node, layer: name, ...(input === undefined ? {} : { input }) })
    }
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}
