import type { Node } from './node.ts'
import { whiteoutTarget } from './place.ts'
import { readTar } from './tar-read.ts'

/** All paths of an image so far, from the tars of its layers, lowest first; whiteouts (OCI layer spec) applied. */
export function lowerOf(layers: readonly string[]): Map<string, Node> {
  const lower = new Map<string, Node>()
  for (const layer of layers) {
    for (const { path, node } of readTar(layer, 'layer')) {
      const gone = whiteoutTarget(path)
      if (gone === undefined) {
        lower.set(path, node)
        continue
      }
      for (const known of lower.keys()) {
        if (known === gone || known.startsWith(`${gone}/`)) lower.delete(known)
      }
    }
  }
  return lower
}
