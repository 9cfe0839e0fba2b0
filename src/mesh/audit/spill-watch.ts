import type { KeyObject } from 'node:crypto'
import type { AuditLog } from './log.ts'
import { spillOrders } from './spill.ts'
import type { TextKeys } from './text.ts'
import type { LogPlace } from './verify.ts'

const EVERY_MS = 10_000

export interface SpillWatchOptions {
  readonly place: LogPlace
  readonly instance: string
  readonly keys: ReadonlyMap<string, KeyObject>
  readonly texts: TextKeys
  readonly audit: Pick<AuditLog, 'record'>
  readonly log: (line: Readonly<Record<string, unknown>>) => void
}

/** Follows the orders that any control plane of the site was given: destroys this one's keys, and says so in its log. */
export class SpillWatch {
  readonly #options: SpillWatchOptions
  readonly #followed = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: SpillWatchOptions) {
    this.#options = options
  }

  /** Follows what was ordered while this control plane was away, then goes on looking. */
  async start(): Promise<void> {
    await this.look()
    this.#timer = setInterval(() => void this.look().catch((error: unknown) => this.#say(error)), EVERY_MS)
  }

  async look(): Promise<void> {
    const { place, instance, keys, texts, audit, log } = this.#options
    const { orders, foreign } = await spillOrders(place, keys, this.#followed)
    for (const name of foreign) {
      log({ level: 'error', message: `${name} in the audit bucket is no order of a control plane of this site` })
      this.#followed.add(name)
    }
    for (const [name, { product, day, time }] of orders) {
      if (await texts.destroy(product, day, new Date(time))) {
        await audit.record({
          act: 'destroy-text',
          allowed: true,
          reasons: ['ordered', day],
          connection: { address: '127.0.0.1', subject: `CN=control-plane (${instance})`, thumbprint: 'none' },
          products: [{ id: product, domain: 'unknown', name: 'unknown' }],
        })
      }
      this.#followed.add(name)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #say(error: unknown): void {
    this.#options.log({ level: 'error', message: `orders to destroy keys of free text were not followed: ${String(error)}` })
  }
}
