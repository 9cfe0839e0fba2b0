import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
  const present = await recall(store, key)
  if (present !== undefined) return present
  const blob = await make()
  if (blob !== undefined) await remember(store, key, blob)
  return blob
}

/** The blob that was made under this key, if it is still there, whole. */
export async function recall(store: ContentStore, key: string): Promise<BlobRef | undefined> {
  const known = await readFile(hintOf(store, key), 'utf8').then(sha256Of, () => undefined)
  return known === undefined ? undefined : store.ref(known)
}

export async function remember(store: ContentStore, key: string, { sha256 }: BlobRef): Promise<void> {
  const hint = hintOf(store, key)
  await mkdir(dirname(hint), { recursive: true })
  await writeFile(`${hint}.${process.pid}`, JSON.stringify({ sha256 }))
  await rename(`${hint}.${process.pid}`, hint)
}

function hintOf(store: ContentStore, key: string): string {
  return join(store.directory, 'made', `${key}.json`)
}

/** A hint that a crash or a person spoilt is no hint. */
function sha256Of(text: string): string | undefined {
  const found = /^\{"sha256":"([0-9a-f]{64})"\}$/.exec(text)
  return found?.[1]
}
