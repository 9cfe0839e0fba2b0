import { setTimeout as pause } from 'node:timers/promises'

/** One attempt of a stream: when it began and ended, in milliseconds, and what failed. */
interface Attempt {
  readonly began: number
  readonly ended: number
  readonly error: string | undefined
}

export interface Summary {
  readonly name: string
  readonly done: number
  readonly failed: number
  /** Longest time without a success that ended after the cut, in seconds. */
  readonly pause: number
  readonly errors: readonly string[]
}

/** One kind of work, done again and again until it is stopped, one at a time: what users feel when a host is lost. */
export class Stream {
  readonly name: string
  readonly #attempts: Attempt[] = []
  readonly #running: Promise<void>
  #stopped = false

  constructor(name: string, work: () => Promise<void>, everyMs = 250) {
    this.name = name
    this.#running = this.#run(work, everyMs)
  }

  async #run(work: () => Promise<void>, everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now()
      const error = await work().then(
        () => undefined,
        (cause: unknown) => (cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)),
      )
      this.#attempts.push({ began, ended: performance.now(), error })
      await pause(everyMs)
    }
  }

  /** Waits until something that began after `since` was done. Throws after `seconds` with the last error. */
  async doneAfter(since: number, seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1000
    while (!this.#attempts.some(({ began, error }) => error === undefined && began > since)) {
      if (performance.now() > until) throw new Error(`${this.name}: nothing was done for ${seconds} s: ${this.#attempts.at(-1)?.error ?? 'no answer'}`)
      await pause(100)
    }
  }

  async stop(cut: number): Promise<Summary> {
    this.#stopped = true
    await this.#running
    const good = this.#attempts.filter(({ error }) => error === undefined)
    const gaps = good.map(({ ended }, at) => ({ ended, gap: ended - (good[at - 1]?.ended ?? ended) }))
    const bad = this.#attempts.filter(({ error }) => error !== undefined)
    return {
      name: this.name,
      done: good.length,
      failed: bad.length,
      pause: Math.max(0, ...gaps.filter(({ ended }) => ended > cut).map(({ gap }) => gap)) / 1000,
      errors: [...new Set(bad.map(({ error }) => (error ?? '').slice(0, 160)))],
    }
  }
}
