import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobRef } from '../../bundle/digest.ts'
import type { ContentStore } from '../../bundle/store.ts'

/**
 * The blob that was made of the same inputs before, else a new one. `key` is a digest of the inputs; the file
 * `<store>/made/<key>.json` is a hint only: the blob it names is hashed before it is relied on. `make` may give
 * undefined, for nothing to keep.
 */
export async function remembered<T extends BlobRef | undefined>(
  store: ContentStore,
  key: string,
  make: () => Promise<T>,
): Promise<BlobRef | T> {
  const folder = join(store.directory, 'made')
  const hint = join(folder, `${key}.json`)
  const known = await readFile(hint, 'utf8').then(sha256Of, () => undefined)
  const present = known === undefined ? undefined : await store.ref(known)
  if (present !== undefined) return present
  const blob = await make()
  if (blob === undefined) return blob
  await mkdir(folder, { recursive: true })
  await writeFile(`${hint}.${process.pid}`, JSON.stringify({ sha256: blob.sha256 }))
  await rename(`${hint}.${process.pid}`, hint)
  return blob
}

/** A hint that a crash or a person spoilt is no hint. */
function sha256Of(text: string): string | undefined {
  const found = /^\{"sha256":"([0-9a-f]{64})"\}$/.exec(text)
  return found?.[1]
}
