import { rm, stat } from 'node:fs/promises'
import type { Bundle } from './bundle.ts'
import { asError } from './copy.ts'
import type { BlobRef } from './digest.ts'
import { hashFiles, type PoolOptions } from './hash-pool.ts'
import type { HashResult } from './hash-worker.ts'
import { ioFault, needRoom } from './io.ts'
import { blobPath } from './layout.ts'
import { refuse, type Reason } from './reasons.ts'
import type { ContentStore } from './store.ts'

export interface Imported {
  /** Blobs that were copied now, and their bytes. */
  readonly copied: number
  readonly bytes: number
  /** Blobs the store held already, hashed again. */
  readonly kept: number
}

/**
 * Copies every blob of a bundle into a content store. Each file is opened once; the bytes that are hashed, sha512 and
 * sha256, are the bytes that are written, and a blob gets its name only when both are right. May be interrupted at any
 * point and run again: what is there and right stays.
 * @throws E_FILE_ALTERED, E_FILE_MISSING, E_FILE_UNREADABLE, E_DISK_FULL
 */
export async function importBlobs(bundle: Bundle, store: ContentStore, options: PoolOptions = {}): Promise<Imported> {
  await store.stage()
  const there: BlobRef[] = []
  const absent: BlobRef[] = []
  for (const ref of bundle.blobs()) {
    const state = await stat(store.pathOf(ref.sha256)).catch(() => undefined)
    const list = state?.size === ref.size ? there : absent
    list.push(ref)
  }
  const kept = await recheck(there, store, options)
  absent.push(...there.filter((ref) => !kept.has(ref)))
  const bytes = absent.reduce((sum, ref) => sum + ref.size, 0)
  await needRoom(store.directory, bytes)
  await copy(bundle, absent, store, options)
  await store.flush()
  return { copied: absent.length, bytes, kept: kept.size }
}

async function recheck(
  refs: readonly BlobRef[],
  store: ContentStore,
  { workers, signal }: PoolOptions,
): Promise<Set<BlobRef>> {
  const jobs = refs.map((ref) => ({ ref, path: store.pathOf(ref.sha256), size: ref.size, sha256: true }))
  const right = new Set<BlobRef>()
  await hashFiles(jobs, { workers, signal }, ({ job, result }) => {
    if (matches(job.ref, result)) right.add(job.ref)
  })
  return right
}

async function copy(
  bundle: Bundle,
  refs: readonly BlobRef[],
  store: ContentStore,
  options: PoolOptions,
): Promise<void> {
  const jobs = []
  for (const ref of refs) {
    const copyTo = await store.stage()
    jobs.push({ ref, path: bundle.blobPath(ref.sha256), size: ref.size, sha256: true, copyTo, fsync: true, limit: ref.size })
  }
  const reasons: Reason[] = []
  const take = async (ref: BlobRef, copyTo: string, result: HashResult) => {
    const path = blobPath(ref.sha256)
    if (result.error) {
      if (result.error.writing) throw asError(result.error)
      const missing = result.error.code === 'ENOENT'
      reasons.push({
        code: missing ? 'E_FILE_MISSING' : 'E_FILE_UNREADABLE',
        text: `${path} ${missing ? 'is missing' : 'could not be read'}`,
        found: result.error.message,
      })
    } else if (matches(ref, result)) await store.adopt(copyTo, ref, {}, false)
    else {
      await rm(copyTo, { force: true })
      reasons.push({
        code: 'E_FILE_ALTERED',
        text: `${path} is not what was signed`,
        expected: `sha512 ${ref.sha512}, sha256 ${ref.sha256}, ${ref.size} bytes`,
        found: `sha512 ${result.sha512}, sha256 ${result.sha256}, ${result.size} bytes`,
      })
    }
  }
  try {
    await hashFiles(jobs, options, ({ job, result }) => take(job.ref, job.copyTo, result))
  } catch (error) {
    for (const { copyTo } of jobs) await rm(copyTo, { force: true })
    throw ioFault(error, `copying blobs into ${store.directory}`)
  }
  refuse(`the bundle ${bundle.directory}`, reasons)
}

function matches(ref: BlobRef, result: HashResult): boolean {
  return !result.error && result.sha512 === ref.sha512 && result.sha256 === ref.sha256 && result.size === ref.size
}
