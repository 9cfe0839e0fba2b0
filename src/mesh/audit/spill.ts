import { randomUUID, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { LogPlace } from './verify.ts'

const TYPE = 'application/vnd.sallyport.audit-spill.v1+json'

/** What was typed about one product on one day is to be unreadable, on every host and in every copy of the log. */
export interface SpillOrder {
  /** So that the signature can never be taken for another document's. */
  readonly type: typeof TYPE
  readonly site: string
  /** Where it was given. */
  readonly instance: string
  /** Opaque id, or `unknown` for what named no product. */
  readonly product: string
  /** `2026-11-22`, UTC. */
  readonly day: string
  readonly time: string
}

interface SignedOrder {
  readonly order: string
  /** ECDSA P-384 over SHA-384, DER, base64, by the key that signs the instance's heads. */
  readonly signature: string
}

const PREFIX = 'spill/'
const MOST_BYTES = 4096

/**
 * Writes an order beside the log, locked as the log is: no restore of a database or a host makes a control plane forget
 * it, also not one that was away when it was given.
 */
export async function orderSpill(
  { store, bucket, site }: LogPlace,
  by: { readonly instance: string; readonly key: KeyObject },
  what: { readonly product: string; readonly day: string },
  until: Date,
): Promise<SpillOrder> {
  const order: SpillOrder = {
    type: TYPE,
    site,
    instance: by.instance,
    product: what.product,
    day: what.day,
    time: new Date().toISOString(),
  }
  const text = JSON.stringify(order)
  const signed: SignedOrder = { order: text, signature: sign('sha384', Buffer.from(text), by.key).toString('base64') }
  await store.putLocked(bucket, `${PREFIX}${randomUUID()}.json`, Buffer.from(JSON.stringify(signed)), until)
  return order
}

export interface SpillOrders {
  /** By the name of their object. */
  readonly orders: ReadonlyMap<string, SpillOrder>
  /** Objects that are no order of a control plane of this site: somebody else can write to the bucket. */
  readonly foreign: readonly string[]
}

/** Every order given so far, but for those already `known` by name. */
export async function spillOrders(
  { store, bucket, site }: LogPlace,
  keys: ReadonlyMap<string, KeyObject>,
  known: ReadonlySet<string>,
): Promise<SpillOrders> {
  const orders = new Map<string, SpillOrder>()
  const foreign: string[] = []
  const next = (after: string): Promise<string | undefined> => store.firstAfter(bucket, PREFIX, after)
  for (let name = await next(''); name !== undefined; name = await next(name)) {
    if (known.has(name)) continue
    const order = opened(await store.get(bucket, name, MOST_BYTES), keys)
    if (order?.site === site) orders.set(name, order)
    else foreign.push(name)
  }
  return { orders, foreign }
}

function opened(body: Buffer, keys: ReadonlyMap<string, KeyObject>): SpillOrder | undefined {
  try {
    const { order: text, signature } = JSON.parse(body.toString('utf8')) as SignedOrder
    const order = JSON.parse(text) as SpillOrder
    const key = keys.get(order.instance)
    if (order.type !== TYPE || key === undefined) return undefined
    return verify('sha384', Buffer.from(text), key, Buffer.from(signature, 'base64')) ? order : undefined
  } catch {
    return undefined
  }
}
