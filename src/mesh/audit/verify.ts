import type { KeyObject } from 'node:crypto'
import { fault } from '../codes.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { LOG, MOST_BATCH_BYTES, batchKey, decodeBatch, logPrefix } from './batch.ts'
import { openHead } from './head.ts'
import { EMPTY, append, rootHash } from './merkle.ts'
import { newestBatch } from './newest.ts'

/** One control plane's part of the log. */
export interface VerifiedPart {
  readonly batches: number
  readonly events: number
  /** Merkle tree hash of the whole part, hex. */
  readonly root: string
}

export interface VerifiedLog {
  readonly batches: number
  readonly events: number
  readonly instances: Readonly<Record<string, VerifiedPart>>
}

export interface LogPlace {
  readonly store: ObjectStore
  readonly bucket: string
  readonly site: string
}

/**
 * Reads the whole log of the site, part by part, and proves it: no part of a control plane that the site does not know,
 * no batch missing, each event under its head, each head signed, each growing the one before, each object locked. Hands
 * every event to `each`, in the order of its part. Throws E_MESH_AUDIT at the first fault.
 */
export async function verifyLog(
  place: LogPlace,
  keys: ReadonlyMap<string, KeyObject>,
  each: (event: string) => void,
): Promise<VerifiedLog> {
  const instances: Record<string, VerifiedPart> = {}
  for (const instance of await parts(place)) {
    const key = keys.get(instance)
    if (key === undefined) {
      throw fault('E_MESH_AUDIT', 'the audit log has a part of a control plane that is not this site’s', {
        expected: [...keys.keys()].join(', '),
        found: instance,
      })
    }
    instances[instance] = await verifyPart(place, instance, key, each)
  }
  const sum = (count: (part: VerifiedPart) => number): number => Object.values(instances).reduce((all, part) => all + count(part), 0)
  return { batches: sum((part) => part.batches), events: sum((part) => part.events), instances }
}

/** Whose parts there are, by what stands in the bucket itself. */
async function parts({ store, bucket }: LogPlace): Promise<readonly string[]> {
  const found: string[] = []
  for (let key = await store.firstAfter(bucket, LOG, ''); key !== undefined; ) {
    const [, instance = ''] = key.split('/')
    found.push(instance)
    // What sorts behind every batch of this part.
    key = await store.firstAfter(bucket, LOG, `${logPrefix(instance)}~`)
  }
  return found
}

async function verifyPart(
  { store, bucket, site }: LogPlace,
  instance: string,
  key: KeyObject,
  each: (event: string) => void,
): Promise<VerifiedPart> {
  const newest = await newestBatch(store, bucket, instance)
  let frontier = EMPTY
  for (let batch = 0; batch <= (newest ?? -1); batch += 1) {
    const name = batchKey(logPrefix(instance), batch)
    const { events, head: signed } = decodeBatch(await store.get(bucket, name, MOST_BATCH_BYTES))
    const { head } = openHead(signed, key, { site, instance })
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
