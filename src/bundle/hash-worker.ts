/**
 * Reads files once and gives their digests; with `copyTo` the same bytes that were hashed are also written. One
 * self-contained file that imports node: only, because it also runs as the asset `worker` of the single executable.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'

export interface HashJob {
  readonly path: string
  /** Also give sha256; sha512 is always given. */
  readonly sha256?: boolean
  /** A new file that gets the bytes; refused when it exists. */
  readonly copyTo?: string
  /** Flush the copy to the disk. */
  readonly fsync?: boolean
  /** Reading ends soon after so many bytes: the result then says more than this, and its digests are of no whole file. */
  readonly limit?: number
}

export interface Digests {
  readonly size: number
  readonly sha512: string
  /** Empty unless it was asked for. */
  readonly sha256: string
}

export interface HashResult extends Digests {
  /** Set when there are no digests: an errno name, or `ENOTFILE` for anything but a regular file. */
  readonly error?: { readonly code: string; readonly message: string; readonly writing: boolean }
}

export interface WorkerData {
  readonly role: 'sallyport-hash'
  /** One Int32 that counts KiB done, read by the main thread for progress. */
  readonly counter: SharedArrayBuffer
}

const CHUNK = 1 << 18

function failed(error: unknown, writing: boolean): HashResult {
  const { code = 'EUNKNOWN', message } = error as NodeJS.ErrnoException
  return { size: 0, sha512: '', sha256: '', error: { code, message, writing } }
}

/** Opens once, never through a link at the last segment; what is hashed is what is copied. */
export function hashFile(job: HashJob, buffer: Buffer, onBytes: (count: number) => void): HashResult {
  let source: number | undefined
  let target: number | undefined
  let writing = false
  try {
    source = openSync(job.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!fstatSync(source).isFile()) {
      throw Object.assign(new Error(`${job.path} is not a regular file`), { code: 'ENOTFILE' })
    }
    if (job.copyTo !== undefined) {
      writing = true
      target = openSync(job.copyTo, 'wx', 0o644)
      writing = false
    }
    const sha512 = createHash('sha512')
    const sha256 = job.sha256 ? createHash('sha256') : undefined
    let size = 0
    for (;;) {
      const count = readSync(source, buffer, 0, buffer.byteLength, null)
      if (count === 0) break
      const chunk = buffer.subarray(0, count)
      sha512.update(chunk)
      sha256?.update(chunk)
      if (target !== undefined) {
        writing = true
        for (let done = 0; done < count;) done += writeSync(target, chunk, done, count - done)
        writing = false
      }
      size += count
      onBytes(count)
      if (job.limit !== undefined && size > job.limit) break
    }
    if (target !== undefined && job.fsync) {
      writing = true
      fsyncSync(target)
      writing = false
    }
    return { size, sha512: sha512.digest('hex'), sha256: sha256?.digest('hex') ?? '' }
  } catch (error) {
    if (target !== undefined && job.copyTo !== undefined) unlinkSync(job.copyTo)
    return failed(error, writing)
  } finally {
    if (source !== undefined) closeSync(source)
    if (target !== undefined) closeSync(target)
  }
}

export function newBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK)
}

if (!isMainThread && parentPort && (workerData as Partial<WorkerData> | null)?.role === 'sallyport-hash') {
  const port = parentPort
  const counter = new Int32Array((workerData as WorkerData).counter)
  const buffer = newBuffer()
  let rest = 0
  const count = (bytes: number) => {
    rest += bytes
    Atomics.add(counter, 0, rest >> 10)
    rest &= 1023
  }
  port.on('message', (jobs: readonly HashJob[]) => {
    port.postMessage(jobs.map((job) => hashFile(job, buffer, count)))
  })
}
