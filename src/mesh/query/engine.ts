import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fault } from '../codes.ts'
import { READY } from './protocol.ts'
import type { Failed, Job, QueryDone, QueryJob, WriteDone } from './protocol.ts'
import type { WriteJob } from '../lake/parquet.ts'

export interface EngineOptions {
  /** The program that runs `runQueryWorker`, and its arguments. */
  readonly program: string
  readonly arguments: readonly string[]
  readonly concurrency: number
  readonly queue: number
  readonly seconds: number
}

export interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
}

/**
 * Runs each query in a process of its own that is used once, so that nothing of one reader is left for the next. One
 * process is started ahead. Throws E_MESH_QUERY, E_MESH_QUERY_LIMIT (time, memory, size) or E_MESH_BUSY.
 */
export class QueryEngine {
  readonly #options: EngineOptions
  readonly #waiting: (() => void)[] = []
  #running = 0
  #spare: ChildProcess | undefined
  #closed = false

  constructor(options: EngineOptions) {
    this.#options = options
  }

  /** Starts the first process ahead of the first query. */
  warm(): void {
    if (this.#spare === undefined && !this.#closed) {
      const child = this.#start()
      this.#spare = child
      child.once('exit', () => {
        if (this.#spare === child) this.#spare = undefined
      })
    }
  }

  async run(job: QueryJob): Promise<Answer> {
    const { columns, rows } = await this.#do<QueryDone>(job)
    return { columns, rows }
  }

  /** Bytes of one Parquet file. */
  async write(job: WriteJob): Promise<Buffer> {
    const { body } = await this.#do<WriteDone>(job)
    return Buffer.from(body)
  }

  async #do<Done extends QueryDone | WriteDone>(job: Job): Promise<Done> {
    await this.#turn()
    try {
      const child = this.#spare ?? this.#start()
      this.#spare = undefined
      const outcome = await this.#ask<Done>(child, job)
      if (outcome.ok) return outcome
      throw outcome.kind === 'limit'
        ? fault('E_MESH_QUERY_LIMIT', 'the query went over a limit', { found: outcome.message })
        : fault('E_MESH_QUERY', 'the query is not accepted', { found: outcome.message })
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
      this.warm()
    }
  }

  close(): void {
    this.#closed = true
    this.#spare?.kill('SIGKILL')
    this.#spare = undefined
  }

  async #turn(): Promise<void> {
    if (this.#running >= this.#options.concurrency) {
      if (this.#waiting.length >= this.#options.queue) throw fault('E_MESH_BUSY', 'too many queries at once')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running += 1
  }

  #start(): ChildProcess {
    return fork(this.#options.program, [...this.#options.arguments], {
      // Nothing of this process's environment, and no files but the channel.
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    })
  }

  #ask<Done>(child: ChildProcess, job: Job): Promise<Done | Failed> {
    const { seconds } = this.#options
    return new Promise((resolve) => {
      const late: Failed = { ok: false, kind: 'limit', message: `no answer within ${seconds} s` }
      const dead: Failed = { ok: false, kind: 'limit', message: 'the query’s process ended: too little memory' }
      const timer = setTimeout(() => settle(late), seconds * 1000)
      const settle = (outcome: Done | Failed): void => {
        clearTimeout(timer)
        child.removeAllListeners()
        child.on('error', () => undefined)
        child.kill('SIGKILL')
        resolve(outcome)
      }
      child.on('message', (message: unknown) => {
        if (message !== READY) settle(message as Done | Failed)
      })
      child.on('error', () => settle(dead))
      child.on('exit', () => settle(dead))
      // A message sent before the process listens waits in the channel.
      child.send(job)
    })
  }
}
