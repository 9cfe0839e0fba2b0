import { availableParallelism } from 'node:os'
import { getAsset, isSea } from 'node:sea'
import { Worker } from 'node:worker_threads'
import type { OnProgress } from './fault.ts'
import { hashFile, newBuffer, type HashJob, type HashResult, type WorkerData } from './hash-worker.ts'

export interface SizedJob extends HashJob {
  /** Expected size in bytes: balances the work, and is the total of the progress. */
  readonly size: number
}

export interface PoolOptions {
  /** Threads; one for each core, at most 8, when absent. */
  readonly workers?: number | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Hashed<J extends SizedJob> {
  readonly job: J
  readonly result: HashResult
}

/** Called for each job as soon as it is done; the thread gets no more work until it has settled. */
type OnHashed<J extends SizedJob> = (hashed: Hashed<J>) => Promise<void> | void

/** Below this many bytes the start of a thread costs more than it saves. */
const INLINE = 4 << 20
const BATCH_BYTES = 4 << 20
const BATCH_FILES = 64

function startWorker(counter: SharedArrayBuffer): Worker {
  const workerData: WorkerData = { role: 'sallyport-hash', counter }
  const options = { workerData, resourceLimits: { maxYoungGenerationSizeMb: 8 } }
  return isSea()
    ? new Worker(getAsset('worker', 'utf8'), { ...options, eval: true })
    : new Worker(new URL('./hash-worker.ts', import.meta.url), options)
}

/** Largest first, small ones together: threads end at nearly the same time whatever the mixture. */
function batches<J extends SizedJob>(jobs: readonly J[]): J[][] {
  const all: J[][] = []
  let bytes = Infinity
  for (const job of jobs.toSorted((a, b) => b.size - a.size)) {
    const last = all.at(-1)
    if (!last || bytes >= BATCH_BYTES || last.length >= BATCH_FILES) {
      all.push([job])
      bytes = 0
    } else last.push(job)
    bytes += job.size
  }
  return all
}

/**
 * Hashes (and copies) files on several threads, in no particular order. Memory does not grow with the size of the
 * files. A file that cannot be read gives a result with `error`; an abort rejects.
 */
export async function hashFiles<J extends SizedJob>(
  jobs: readonly J[],
  options: PoolOptions,
  onHashed: OnHashed<J>,
): Promise<void> {
  const total = jobs.reduce((sum, job) => sum + job.size, 0)
  const report = (done: number) => options.onProgress?.({ done, total, unit: 'bytes' })
  options.signal?.throwIfAborted()
  if (total <= INLINE) {
    const buffer = newBuffer()
    for (const job of jobs) await onHashed({ job, result: hashFile(job, buffer, () => {}) })
  } else await onThreads(batches(jobs), options, (done) => report(Math.min(total, done)), onHashed)
  report(total)
}

async function onThreads<J extends SizedJob>(
  queue: J[][],
  { workers: wanted = Math.min(availableParallelism(), 8), signal, onProgress }: PoolOptions,
  report: (done: number) => void,
  onHashed: OnHashed<J>,
): Promise<void> {
  const shared = new SharedArrayBuffer(4)
  const counter = new Int32Array(shared)
  const workers = Array.from({ length: Math.max(1, Math.min(wanted, queue.length)) }, () => startWorker(shared))
  const ticker = onProgress && setInterval(() => report((Atomics.load(counter, 0) >>> 0) * 1024), 200)
  const { promise: aborted, reject: abort } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  const onAbort = () => abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([aborted, Promise.all(workers.map((worker) => drain(worker, queue, onHashed)))])
  } finally {
    clearInterval(ticker)
    signal?.removeEventListener('abort', onAbort)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Feeds one worker from the shared queue until it is empty. */
function drain<J extends SizedJob>(worker: Worker, queue: J[][], onHashed: OnHashed<J>): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: J[] = []
    const next = () => {
      const batch = queue.shift()
      if (!batch) {
        resolve()
        return
      }
      current = batch
      const jobs: HashJob[] = batch.map(({ path, sha256 = false, copyTo, fsync = false, limit }) => ({
        path,
        sha256,
        fsync,
        ...(copyTo === undefined ? {} : { copyTo }),
        ...(limit === undefined ? {} : { limit }),
      }))
      worker.postMessage(jobs)
    }
    worker.on('message', (results: readonly HashResult[]) => {
      const settled = current.map(async (job, index) => onHashed({ job, result: results[index] as HashResult }))
      Promise.all(settled).then(next, reject)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a hashing thread ended with ${code}`)))
    next()
  })
}
