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
  readonly workers?: number
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
  /** Called for each job as soon as it is done; the thread gets no more work until it has settled. */
  readonly onResult?: (index: number, result: HashResult) => Promise<void>
}

/** Below this the start of a thread costs more than it saves. */
const INLINE = 4 << 20
const BATCH_BYTES = 4 << 20
const BATCH_FILES = 64

function startWorker(counter: SharedArrayBuffer): Worker {
  const data: WorkerData = { role: 'sallyport-hash', counter }
  return isSea()
    ? new Worker(getAsset('worker', 'utf8'), { eval: true, workerData: data })
    : new Worker(new URL('./hash-worker.ts', import.meta.url), { workerData: data })
}

/** Largest first, small ones together: threads end at nearly the same time whatever the mixture. */
function batches(jobs: readonly SizedJob[]): number[][] {
  const order = jobs.map((_, index) => index).sort((a, b) => jobs[b]!.size - jobs[a]!.size)
  const all: number[][] = []
  let bytes = Infinity
  for (const index of order) {
    const last = all.at(-1)
    if (!last || bytes >= BATCH_BYTES || last.length >= BATCH_FILES) {
      all.push([index])
      bytes = 0
    } else last.push(index)
    bytes += jobs[index]!.size
  }
  return all
}

/**
 * Hashes (and copies) files on several threads; the results stand in the order of the jobs. Memory does not grow with
 * the size of the files. A file that cannot be read gives a result with `error`; an abort rejects.
 */
export async function hashFiles(jobs: readonly SizedJob[], options: PoolOptions = {}): Promise<HashResult[]> {
  const { onProgress, signal } = options
  const total = jobs.reduce((sum, job) => sum + job.size, 0)
  const results = new Array<HashResult>(jobs.length)
  const report = (done: number) => onProgress?.({ done, total, unit: 'bytes' })
  signal?.throwIfAborted()
  if (total <= INLINE) {
    const buffer = newBuffer()
    let done = 0
    for (const [index, job] of jobs.entries()) {
      results[index] = hashFile(job, buffer, (count) => (done += count))
      await options.onResult?.(index, results[index])
    }
    report(done)
    return results
  }
  const queue = batches(jobs)
  const counter = new SharedArrayBuffer(4)
  const done = new Int32Array(counter)
  const count = Math.min(options.workers ?? Math.min(availableParallelism(), 8), queue.length)
  const workers = Array.from({ length: Math.max(1, count) }, () => startWorker(counter))
  const ticker = onProgress && setInterval(() => report(Math.min(total, (done[0]! >>> 0) * 1024)), 200)
  const { promise: aborted, reject: abort } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  const onAbort = () => abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const settle = async (index: number, result: HashResult) => {
    results[index] = result
    await options.onResult?.(index, result)
  }
  try {
    await Promise.race([aborted, Promise.all(workers.map((worker) => drain(worker, queue, jobs, settle)))])
    report(total)
  } finally {
    clearInterval(ticker)
    signal?.removeEventListener('abort', onAbort)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return results
}

type Settle = (index: number, result: HashResult) => Promise<void>

/** Feeds one worker from the shared queue until it is empty. */
function drain(worker: Worker, queue: number[][], jobs: readonly SizedJob[], settle: Settle): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: number[] = []
    const next = () => {
      const batch = queue.shift()
      if (!batch) {
        resolve()
        return
      }
      current = batch
      worker.postMessage(batch.map((index) => jobs[index]!))
    }
    worker.on('message', (batch: HashResult[]) => {
      Promise.all(batch.map((result, index) => settle(current[index]!, result))).then(next, reject)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a hashing thread ended with ${code}`)))
    next()
  })
}
