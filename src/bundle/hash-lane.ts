import { createHash, type Hash } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import type { LaneAnswer, LaneJob } from './hash-worker.ts'
import { startWorker } from './hash-pool.ts'

/** Below this many bytes in all the start of a thread costs more than it saves. */
const WORTH_A_THREAD = 64 << 20

/**
 * SHA-512 of streams that the caller has in memory, on a thread of its own. Bytes lie in buffers from `laneBuffer` and are
 * not copied: nobody may change them before `passed` says that they were read.
 */
export class HashLane {
  readonly #worker: Worker | undefined
  readonly #inline = new Map<number, Hash>()
  readonly #digests = new Map<number, PromiseWithResolvers<string>>()
  readonly #waiting: { at: number; done: PromiseWithResolvers<void> }[] = []
  #streams = 0
  #sent = 0
  #done = 0
  #failure: Error | undefined

  /** `total`: about how many bytes there will be. */
  constructor(total: number) {
    if (total < WORTH_A_THREAD) return
    this.#worker = startWorker({ role: 'sallyport-lane' })
    this.#worker.on('message', (answer: LaneAnswer) => this.#take(answer))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the hashing thread ended with ${code}`)))
  }

  open(): number {
    this.#streams += 1
    return this.#streams
  }

  update(stream: number, bytes: Buffer): void {
    if (this.#worker) {
      this.#sent += 1
      this.#worker.postMessage({ stream, bytes } satisfies LaneJob)
      return
    }
    const hash = this.#inline.get(stream) ?? createHash('sha512')
    this.#inline.set(stream, hash.update(bytes))
  }

  /** Of everything that `stream` was given; nothing may be added to it after. */
  digest(stream: number): Promise<string> {
    if (!this.#worker) {
      const hash = this.#inline.get(stream) ?? createHash('sha512')
      this.#inline.delete(stream)
      return Promise.resolve(hash.digest('hex'))
    }
    const asked = Promise.withResolvers<string>()
    asked.promise.catch(() => {})
    if (this.#failure) asked.reject(this.#failure)
    this.#digests.set(stream, asked)
    this.#worker.postMessage({ stream } satisfies LaneJob)
    return asked.promise
  }

  /** Settles when all that was given so far is hashed. */
  passed(): Promise<void> {
    if (this.#sent <= this.#done) return Promise.resolve()
    const done = Promise.withResolvers<void>()
    done.promise.catch(() => {})
    if (this.#failure) done.reject(this.#failure)
    this.#waiting.push({ at: this.#sent, done })
    return done.promise
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #take(answer: LaneAnswer): void {
    if ('sha512' in answer) {
      this.#digests.get(answer.stream)?.resolve(answer.sha512)
      this.#digests.delete(answer.stream)
      return
    }
    this.#done += 1
    while (this.#waiting[0] && this.#waiting[0].at <= this.#done) this.#waiting.shift()?.done.resolve()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { done } of this.#waiting.splice(0)) done.reject(error)
    for (const asked of this.#digests.values()) asked.reject(error)
    this.#digests.clear()
  }
}

/** Memory that a lane can read where it is. */
export function laneBuffer(size: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(size))
}
