import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobRef } from '../../bundle/digest.ts'
import { blobPath, LAYOUT, LIMITS } from '../../bundle/layout.ts'
import type { Statement } from '../../bundle/statement.ts'
import type { ContentStore } from '../../bundle/store.ts'
import type { HostPaths } from '../paths.ts'

/**
 * Removes releases that are neither running nor the one that may be gone back to, then blobs that no kept release names.
 * Blobs of kept releases are pinned, whatever their age.
 */
export async function prune(paths: HostPaths, store: ContentStore, keep: ReadonlySet<string>): Promise<void> {
  const pinned = new Set<string>()
  for (const id of await readdir(paths.releases)) {
    if (!keep.has(id)) {
      await rm(join(paths.releases, id), { recursive: true, force: true })
      continue
    }
    const statement = JSON.parse(await readFile(join(paths.releases, id, 'bundle.json'), 'utf8')) as Statement
    pinned.add(statement.contents.sha256)
    const contents = JSON.parse((await store.bytes(statement.contents.sha256, LIMITS.contents)).toString('utf8')) as BlobRef[]
    for (const blob of contents) pinned.add(blob.sha256)
  }
  for (const name of await readdir(join(paths.store, LAYOUT.blobs)))
    if (!pinned.has(name)) await rm(join(paths.store, blobPath(name)), { force: true })
}
