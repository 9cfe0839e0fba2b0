import { createHash, type Hash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addAbortSignal, Readable } from 'node:stream'
import type { BlobRef } from '../../bundle/digest.ts'
import { Fault } from '../../bundle/fault.ts'
import type { ContentStore } from '../../bundle/store.ts'
import { fault } from '../codes.ts'
import type { Item, LockedItem, Request, Source } from '../sources/source.ts'

export interface Ingest {
  readonly source: Source
  readonly store: ContentStore
  readonly signal: AbortSignal
  readonly onBytes: (count: number) => void
  /** Called for each item that the store did not hold. */
  readonly onNew?: (item: LockedItem) => void
}

const CHECKABLE = /^(md5|sha1|sha256|sha384|sha512):([0-9a-f]+)$/

/** Brings one item into the store, unless it is there already. Throws E_UPSTREAM_CHANGED when its bytes are not the pinned ones. */
export async function ingest(item: Item, request: Request, how: Ingest): Promise<LockedItem> {
  const pinned = pinnedDigests(item)
  const present = await alreadyThere(item, pinned, how.store)
  if (present !== undefined) {
    how.onBytes(present.size)
    return locked(item, present)
  }
  const stream = addAbortSignal(how.signal, await how.source.fetch(item, request))
  try {
    const ref = await how.store.put(Readable.from(checked(stream, item, how.onBytes), { objectMode: false }), pinned)
    await remember(item, ref, how.store)
    const fetched = locked(item, ref)
    how.onNew?.(fetched)
    return fetched
  } catch (error) {
    if (how.signal.aborted) throw fault('E_BUILD_INTERRUPTED', 'The download was interrupted.', { cause: error })
    if (error instanceof Fault && error.code === 'E_STORE_DIGEST')
      throw changed(item, error.detail.expected ?? 'the digests of the lock', error.detail.found ?? 'other digests')
    throw error
  }
}

function locked(item: Item, { sha256, sha512, size }: BlobRef): LockedItem {
  return { ...item, size, sha256, sha512 }
}

/** What is known of the bytes before they are here. */
function pinnedDigests(item: Item & Partial<BlobRef>): Partial<BlobRef> {
  const [algorithm, value] = item.upstream?.split(':') ?? []
  const sha256 = item.sha256 ?? (algorithm === 'sha256' ? value : undefined)
  const sha512 = item.sha512 ?? (algorithm === 'sha512' ? value : undefined)
  return {
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(sha512 === undefined ? {} : { sha512 }),
    ...(item.size === undefined ? {} : { size: item.size }),
  }
}

async function alreadyThere(
  item: Item,
  { sha256, sha512 }: Partial<BlobRef>,
  store: ContentStore,
): Promise<BlobRef | undefined> {
  const name =
    sha256 ?? (sha512 === undefined ? undefined : await readFile(hintOf(sha512, store), 'utf8').catch(() => undefined))
  const ref = name === undefined ? undefined : await store.ref(name)
  if (ref === undefined || (sha512 !== undefined && ref.sha512 !== sha512)) return undefined
  return item.size === undefined || item.size === ref.size ? ref : undefined
}

/** The store names blobs by sha256; npm and Maven pin sha512. The hint is believed only when the blob's sha512 fits. */
function hintOf(sha512: string, store: ContentStore): string {
  return join(store.directory, 'sha512', sha512)
}

async function remember(item: Item, ref: BlobRef, store: ContentStore): Promise<void> {
  if (item.upstream !== `sha512:${ref.sha512}`) return
  await mkdir(join(store.directory, 'sha512'), { recursive: true })
  await writeFile(hintOf(ref.sha512, store), ref.sha256)
}

/** Passes the bytes on and ends with an error when they are not what the upstream's index says. */
async function* checked(
  stream: AsyncIterable<Buffer>,
  item: Item,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer> {
  const [, algorithm, value] = CHECKABLE.exec(item.upstream ?? '') ?? []
  const hash: Hash | undefined = algorithm === undefined ? undefined : createHash(algorithm)
  for await (const chunk of stream) {
    hash?.update(chunk)
    onBytes(chunk.byteLength)
    yield chunk
  }
  const found = hash?.digest('hex')
  if (found !== value) throw changed(item, `${algorithm ?? ''}:${value ?? ''}`, `${algorithm ?? ''}:${found ?? ''}`)
}

function changed(item: Item, expected: string, found: string): Fault {
  return fault('E_UPSTREAM_CHANGED', `Upstream gave other bytes for ${item.name} ${item.version}.`, {
    expected,
    found,
    faults: [`${item.kind}: ${item.name} ${item.version} (${item.path})`],
  })
}
