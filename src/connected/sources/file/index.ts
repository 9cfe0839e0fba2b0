import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { fault } from '../../codes.ts'
import type { Item, Request, Source, SourceContext } from '../source.ts'

/** Files beside the definition (or in a release's overlay), carried as they are. */
export function fileSource(context: SourceContext): Source {
  return {
    kind: 'file',
    async resolve(request: Request) {
      const missing: string[] = []
      const items: Item[] = []
      for (const from of request.items) {
        const place = context.locate(from)
        const found = await stat(place).catch(() => undefined)
        if (!found?.isFile()) {
          missing.push(`file: no ${from}`)
          continue
        }
        const hash = createHash('sha256')
        for await (const chunk of createReadStream(place, { signal: context.signal })) hash.update(chunk as Buffer)
        const upstream = `sha256:${hash.digest('hex')}`
        const executable = (found.mode & 0o100) !== 0
        items.push({
          kind: 'file',
          name: from,
          version: upstream.slice(0, 'sha256:'.length + 12),
          path: request.paths?.[from] ?? from,
          upstream,
          size: found.size,
          ...(executable ? { attributes: { executable: 'true' } } : {}),
        })
      }
      if (missing.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'The definition names files that do not exist.', { faults: missing })
      return items.sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item) {
      return createReadStream(context.locate(item.name), { signal: context.signal })
    },
    async tree(items) {
      return items.map(({ path, sha256, sha512, size, attributes }) => ({
        path,
        sha256,
        sha512,
        size,
        ...(attributes?.['executable'] === 'true' ? { executable: true as const } : {}),
      }))
    },
  }
}
