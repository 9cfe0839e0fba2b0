import { setTimeout as sleep } from 'node:timers/promises'
import type { OnProgress, Progress } from '../../bundle/fault.ts'
import { Fault } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { planFiles } from '../engine/context.ts'
import { standingOf, type Entry, type Phase, type Standing } from '../engine/journal.ts'
import { unitOf } from '../engine/start.ts'
import { parseChain } from '../journal/chain.ts'
import { hostPaths } from '../paths.ts'
import type { StepId } from '../plan/plan.ts'
import type { Connection } from '../remote/connection.ts'

const POLL_MS = 700
/** A rebooting host or a pulled cable: the station keeps trying this long. */
const PATIENCE_MS = 5 * 60_000
/** Polls in a row that may find the unit neither active nor the plan ended: systemd may just be starting it. */
const DEAD_POLLS = 15

/** How one step ended for whoever watches. */
export type Seen = { readonly state: 'done'; readonly note?: string } | { readonly state: 'failed' | 'not-run' }

/** Watches a plan's journal on the depot. It only reads: whether anyone watches makes no difference to the engine. */
export class Follower {
  readonly #connect: () => Promise<Connection>
  readonly #id: string
  readonly #now: () => number
  readonly #returned: (connection: Connection) => Promise<void>
  #broke = false
  #connection: Connection
  #entries: readonly Entry[] = []
  #progress: Progress | undefined
  #dead = 0

  /** `returned` is called when the depot is back after the connection broke, and the plan has not ended. */
  constructor(
    connection: Connection,
    connect: () => Promise<Connection>,
    id: string,
    returned: (connection: Connection) => Promise<void> = async () => {},
    now: () => number = Date.now,
  ) {
    this.#connection = connection
    this.#connect = connect
    this.#id = id
    this.#now = now
    this.#returned = returned
  }

  get connection(): Connection {
    return this.#connection
  }

  get standing(): Standing {
    return standingOf(this.#entries)
  }

  /** Waits until a step is done, has failed, or will not be run. */
  async step(phase: Phase, step: StepId, onProgress: OnProgress): Promise<Seen> {
    for (;;) {
      const { started, done, failures, outcome } = this.standing
      const key = `${phase}:${step}`
      if (done.has(key)) {
        const note = this.#entries.findLast((entry) => entry.event === 'done' && entry.phase === phase && entry.step === step)
        return { state: 'done', ...(note && 'note' in note && note.note ? { note: note.note } : {}) }
      }
      if (failures.some((one) => one.phase === phase && one.step === step)) return { state: 'failed' }
      if (outcome !== undefined || (phase === 'do' && failures.length > 0)) return { state: 'not-run' }
      if (started.has(key) && this.#progress) onProgress(this.#progress)
      await this.#poll()
    }
  }

  /** Waits for the end of the plan. */
  async end(): Promise<Standing> {
    while (this.standing.outcome === undefined) await this.#poll()
    return this.standing
  }

  async #poll(): Promise<void> {
    await sleep(POLL_MS)
    const paths = hostPaths()
    const files = planFiles(paths, this.#id)
    const script = `cat ${files.journal}; printf '\\n@@\\n'; cat ${files.progress} 2>/dev/null; printf '\\n@@\\n'; systemctl is-active ${unitOf(this.#id)}; true`
    const output = await this.#patiently(async (connection) => connection.must(script))
    const [journal = '', progress = '', unit = ''] = output.split('\n@@\n')
    this.#entries = parseChain<Entry>(Buffer.from(journal), files.journal).entries
    if (this.#broke && this.standing.outcome === undefined) {
      this.#broke = false
      await this.#patiently(this.#returned)
    }
    this.#progress = progress.trim() ? (JSON.parse(progress) as Progress) : undefined
    const alive = /^(active|activating|reloading|deactivating)$/.test(unit.trim())
    this.#dead = alive || this.standing.outcome !== undefined ? 0 : this.#dead + 1
    if (this.#dead > DEAD_POLLS)
      throw fault('E_ENGINE', `the engine on ${this.#connection.host.name} stopped in the middle of plan ${this.#id}`, {
        found: `unit ${unit.trim()}`,
        next: `On the depot: journalctl -u ${unitOf(this.#id)}; then run the same command again.`,
      })
  }

  async #patiently<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const until = this.#now() + PATIENCE_MS
    for (;;) {
      try {
        return await work(this.#connection)
      } catch (error) {
        if (!(error instanceof Fault) || !['E_HOST_UNREACHABLE', 'E_HOST_COMMAND'].includes(error.code) || this.#now() > until) throw error
        this.#connection.close()
        this.#broke = true
        await sleep(POLL_MS)
        this.#connection = await this.#connect().catch(() => this.#connection)
      }
    }
  }
}
