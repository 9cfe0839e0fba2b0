import type { KeyObject } from 'node:crypto'
import { fault } from '../codes.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { LOG_PREFIX, MOST_BATCH_BYTES, batchKey, decodeBatch } from './batch.ts'
import { openHead } from './head.ts'
import { newestBatch } from './log.ts'
import { EMPTY, append, rootHash } from './merkle.ts'

export interface VerifiedLog {
  readonly batches: number
  readonly events: number
  /** Merkle tree hash of the whole log, hex. */
  readonly root: string
}

/**
 * Reads the whole log and proves it: no batch missing, each event under its head, each head signed, each growing the
 * one before, each object locked. Hands every event to `each`, in order. Throws E_MESH_AUDIT at the first fault.
 */
export async function verifyLog(
  store: ObjectStore,
  bucket: string,
  site: string,
  key: KeyObject,
  each: (event: string) => void,
): Promise<VerifiedLog> {
  const newest = await newestBatch(store, bucket)
  let frontier = EMPTY
  for (let batch = 0; batch <= (newest ?? -1); batch += 1) {
    const name = batchKey(LOG_PREFIX, batch)
    const { events, head: signed } = decodeBatch(await store.get(bucket, name, MOST_BATCH_BYTES))
    const { head } = openHead(signed, key, site)
    const wrong = (what: string, expected: string, found: string): Error =>
      fault('E_MESH_AUDIT', `${name}: ${what}`, { expected, found })
    const before = rootHash(frontier).toString('hex')
    if (head.batch !== batch) throw wrong('the head has another number', String(batch), String(head.batch))
    if (head.previous.root !== before) throw wrong('the head does not go on from the one before', before, head.previous.root)
    for (const event of events) {
      frontier = append(frontier, Buffer.from(event))
      each(event)
    }
    const root = rootHash(frontier).toString('hex')
    if (head.size !== frontier.size) throw wrong('events are missing', String(head.size), String(frontier.size))
    if (head.root !== root) throw wrong('an event is not the one that was logged', head.root, root)
    if ((await store.lockedUntil(bucket, name)) === undefined) throw wrong('the object is not locked', 'COMPLIANCE', 'none')
  }
  return { batches: (newest ?? -1) + 1, events: frontier.size, root: rootHash(frontier).toString('hex') }
}
