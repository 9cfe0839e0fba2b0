import { randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { fault } from '../codes.ts'
import { MeshFault } from '../fault.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { MOST_BATCH_BYTES, batchKey, decodeBatch, encodeBatch, logPrefix, textPrefix } from './batch.ts'
import { ocsfEvent } from './event.ts'
import type { Access, EventOrigin } from './event.ts'
import { keyId, openHead, signHead } from './head.ts'
import type { Head, SignedHead } from './head.ts'
import type { HeadMemory } from './memory.ts'
import { EMPTY, append, rootHash } from './merkle.ts'
import type { Frontier } from './merkle.ts'
import { newestBatch } from './newest.ts'
import type { SoleWriter } from './sole-writer.ts'
import { sealDigest } from './text.ts'
import type { SealedText, TextKeys } from './text.ts'

export interface AuditLogOptions {
  readonly store: ObjectStore
  readonly bucket: string
  readonly origin: EventOrigin
  readonly key: KeyObject
  readonly texts: TextKeys
  readonly memory: HeadMemory
  readonly sole: Pick<SoleWriter, 'check'>
  readonly retentionMs: number
  readonly now: () => Date
}

export interface LogStatus {
  /** Events that wait for their object. */
  readonly backlog: number
  /** When the last batch became durable; undefined before the first of this process. */
  readonly written: Date | undefined
}

interface Waiting {
  readonly event: string
  readonly sealed: SealedText | undefined
  readonly done: () => void
  readonly failed: (error: MeshFault) => void
}

/** Events of one batch: bounds the object and the time a reader waits for it. */
const MOST_EVENTS = 500

/**
 * This control plane's part of the access log. `record` resolves when the event stands in a locked object, under a
 * signed head of the whole part; only then may the access be answered. Concurrent events share one object: while one
 * batch is being written, the next one gathers. When a batch cannot be written, every access waiting for it is refused,
 * and the log is read anew before it goes on, since nobody knows whether the object was written after all.
 */
export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #waiting: Waiting[] = []
  #state: { readonly batch: number; readonly frontier: Frontier } | undefined
  #writing = false
  #written: Date | undefined
  /** Whether the store was seen to lock what was written since the log was opened or last failed. */
  #lockSeen = false

  constructor(options: AuditLogOptions) {
    this.#options = options
  }

  /** Makes the bucket when it is missing and finds the log's end. Throws E_MESH_STORE or E_MESH_AUDIT. */
  async open(): Promise<void> {
    await this.#options.sole.check()
    await this.#options.store.ensureBucket(this.#options.bucket, 'locked')
    await this.#options.store.checkLock(this.#options.bucket)
    this.#state = await this.#read()
  }

  /** Returns the event's id. Throws E_MESH_AUDIT: then nothing may be answered. */
  async record(access: Access): Promise<string> {
    const { texts, origin, now } = this.#options
    const id = randomUUID()
    const time = now()
    let sealed: SealedText | undefined
    try {
      if (access.text !== undefined) {
        const product = access.products[0]?.id ?? 'unknown'
        sealed = await texts.seal(id, product, time.toISOString().slice(0, 10), access.text)
      }
    } catch (cause) {
      throw refused(cause)
    }
    const event = JSON.stringify(ocsfEvent(access, origin, id, time, sealed && sealDigest(sealed.sealed)))
    await new Promise<void>((done, failed) => {
      this.#waiting.push({ event, sealed, done, failed })
      void this.#write()
    })
    return id
  }

  /** For the health check: the newest object is there and locked. Throws E_MESH_AUDIT or E_MESH_STORE. */
  async check(): Promise<string> {
    const { store, bucket, origin } = this.#options
    await store.checkLock(bucket)
    const state = this.#state
    if (state === undefined) {
      throw fault('E_MESH_AUDIT', 'the audit log is not open: its last write failed')
    }
    if (this.#options.memory.failure !== undefined) {
      throw fault('E_MESH_AUDIT', 'this host cannot keep the last head of the log', {
        found: String(this.#options.memory.failure),
      })
    }
    if (state.batch < 0) return 'empty'
    const until = await store.lockedUntil(bucket, batchKey(logPrefix(origin.instance), state.batch))
    if (until === undefined) throw fault('E_MESH_AUDIT', `batch ${state.batch} of the audit log is not locked`)
    return `${state.frontier.size} events, newest locked until ${until.toISOString()}`
  }

  status(): LogStatus {
    return { backlog: this.#waiting.length, written: this.#written }
  }

  /** Waits until what this host must remember of the log is on its disk. */
  async close(): Promise<void> {
    await this.#options.memory.settled()
  }

  async #write(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0, MOST_EVENTS)
        try {
          await this.#writeBatch(batch)
          for (const { done } of batch) done()
        } catch (cause) {
          this.#state = undefined
          this.#lockSeen = false
          for (const { failed } of batch) failed(refused(cause))
        }
      }
    } finally {
      this.#writing = false
    }
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const { store, bucket, origin, key, memory, sole, retentionMs, now } = this.#options
    if ((await sole.check()) === 'anew') this.#state = undefined
    const before = this.#state ?? (await this.#read())
    let frontier = before.frontier
    for (const { event } of batch) frontier = append(frontier, Buffer.from(event))
    const time = now()
    const until = new Date(time.getTime() + retentionMs)
    const number = before.batch + 1
    const head: Head = {
      type: 'application/vnd.sallyport.audit-head.v1+json',
      site: origin.site,
      instance: origin.instance,
      batch: number,
      size: frontier.size,
      root: rootHash(frontier).toString('hex'),
      frontier: frontier.roots.map((root) => root.toString('hex')),
      previous: { size: before.frontier.size, root: rootHash(before.frontier).toString('hex') },
      time: time.toISOString(),
      key: keyId(key),
    }
    const signed = signHead(head, key)
    const texts = batch.flatMap(({ sealed }) => (sealed === undefined ? [] : [JSON.stringify(sealed)]))
    if (texts.length > 0) {
      // Left over when the batch itself fails after it: its key is then taken, so every attempt has a name of its own.
      const name = `${batchKey(textPrefix(origin.instance), number).replace('.ndjson', '')}-${head.root.slice(0, 16)}.ndjson`
      await store.putLocked(bucket, name, Buffer.from(`${texts.join('\n')}\n`), until)
    }
    const name = batchKey(logPrefix(origin.instance), number)
    await store.putLocked(bucket, name, encodeBatch(batch.map(({ event }) => event), signed), until)
    if (!this.#lockSeen) {
      // A store may take the header and not lock: then the object is no record.
      const locked = await store.lockedUntil(bucket, name)
      if (locked === undefined || locked.getTime() < until.getTime() - 1000) {
        throw fault('E_MESH_AUDIT', 'the object store does not lock what it was told to lock', {
          expected: until.toISOString(),
          found: locked?.toISOString() ?? 'no lock',
        })
      }
      this.#lockSeen = true
    }
    memory.keep(signed)
    this.#written = time
    this.#state = { batch: number, frontier }
  }

  /** The log's end: its newest batch, held against the last head this host remembers. */
  async #read(): Promise<{ readonly batch: number; readonly frontier: Frontier }> {
    const { store, bucket, origin, key, memory } = this.#options
    const remembered = await memory.last()
    const known = remembered === undefined ? undefined : openHead(remembered, key, origin).head
    const newest = await newestBatch(store, bucket, origin.instance, known?.batch)
    if (newest === undefined) {
      if (known !== undefined) throw shorter(known, 0)
      return { batch: -1, frontier: EMPTY }
    }
    const signed = await this.#headOf(newest)
    const { head, frontier } = openHead(signed, key, origin)
    if (head.batch !== newest) throw fault('E_MESH_AUDIT', 'a batch of the audit log has another number', { found: String(head.batch) })
    if (known !== undefined) {
      if (known.batch > head.batch) throw shorter(known, head.size)
      const same = known.batch === head.batch ? signed : await this.#headOf(known.batch)
      if (same.head !== remembered?.head) throw fault('E_MESH_AUDIT', 'the audit log is not the one this host wrote')
    }
    return { batch: head.batch, frontier }
  }

  async #headOf(batch: number): Promise<SignedHead> {
    const { store, bucket, origin } = this.#options
    return decodeBatch(await store.get(bucket, batchKey(logPrefix(origin.instance), batch), MOST_BATCH_BYTES)).head
  }
}

const shorter = (known: Head, found: number): MeshFault =>
  fault('E_MESH_AUDIT', 'the audit log is shorter than this host remembers: objects are missing or hidden', {
    expected: `at least ${known.size} events`,
    found: String(found),
  })

function refused(cause: unknown): MeshFault {
  if (cause instanceof MeshFault && cause.code === 'E_MESH_AUDIT') return cause
  const found = cause instanceof MeshFault ? `${cause.message}: ${cause.detail.found ?? ''}` : String(cause)
  return fault('E_MESH_AUDIT', 'the audit log cannot be written, so the access is refused', { found, cause })
}
