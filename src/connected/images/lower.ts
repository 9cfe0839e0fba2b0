import { posix } from 'node:path'
import type { Node } from './node.ts'
import { readTar } from './tar-read.ts'

/** All paths of an image so far, from the tars of its layers, lowest first; whiteouts (OCI layer spec) applied. */
export function lowerOf(layers: readonly string[]): Map<string, Node> {
  const lower = new Map<string, Node>()
  for (const layer of layers) {
    for (const { path, node } of readTar(layer)) {
      const name = posix.basename(path)
      if (!name.startsWith('.wh.')) {
        lower.set(path, node)
        continue
      }
      const gone = posix.join(posix.dirname(path), name.slice('.wh.'.length))
      for (const known of lower.keys()) {
        if (known === gone || known.startsWith(`${gone}/`)) lower.delete(known)
      }
    }
  }
  return lower
}
