import type { OnProgress } from '../../bundle/fault.ts'
import type { Definition } from '../definition/definition.ts'
import { requestsOf } from '../images/request.ts'
import { filesDigest, LOCK_VERSION, lockedItems, requestKey, type Lock, type LockedRequest } from '../lock/lock.ts'
import { SOURCES } from '../sources/index.ts'
import type { Item, LockedItem, Request, Source, SourceContext, SourceKind } from '../sources/source.ts'
import { patiently, PAUSES } from '../sources/patience.ts'
import { inTurns } from '../sources/turns.ts'
import { ingest } from './ingest.ts'

/** Clients resolving at a time: each takes a core; apt takes turns with itself. */
const RESOLVES = 3

/** Blobs of the store hashed at a time. */
const HASHES = 2

interface Wanted {
  readonly kind: SourceKind
  readonly request: Request
  readonly for: readonly string[]
}

/** Everything a definition asks of the sources, each request once. */
export function wantedBy({ mirrors, images }: Definition): Wanted[] {
  const all = [
    ...mirrors.map(({ name, ecosystem, request }) => ({ kind: ecosystem, request, for: `mirrors/${name}` })),
    ...images.flatMap((image) => {
      const of = `images/${image.name}`
      if ('request' in image) return [{ kind: 'oci' as const, request: image.request, for: of }]
      return requestsOf(image.recipe).map(({ kind, request }) => ({ kind, request, for: of }))
    }),
  ]
  return [...Map.groupBy(all, ({ kind, request }) => requestKey(kind, request)).values()].map((same) => {
    const { kind, request } = same[0] as (typeof all)[number]
    return { kind, request, for: [...new Set(same.map((one) => one.for))].sort() }
  })
}

/** The inputs of one build: first exact, then with every byte in the store. */
export class Inputs {
  readonly #sources = new Map<SourceKind, Source>()
  readonly #context: SourceContext
  readonly #wanted: readonly Wanted[]
  readonly #exact = new Map<string, readonly Item[]>()
  readonly #items = new Map<string, LockedItem>()

  readonly #pauses: readonly number[]
  #fetched = { items: 0, bytes: 0 }

  constructor(definition: Definition, context: SourceContext, pauses: readonly number[] = PAUSES) {
    this.#context = context
    this.#pauses = pauses
    this.#wanted = wantedBy(definition)
  }

  #patiently<T>(work: () => Promise<T>): Promise<T> {
    return patiently(work, { pauses: this.#pauses, signal: this.#context.signal })
  }

  source(kind: SourceKind): Source {
    const known = this.#sources.get(kind) ?? SOURCES[kind](this.#context)
    this.#sources.set(kind, known)
    return known
  }

  /** Makes every request exact: from `lock` where it has the request, by asking upstream otherwise. */
  async resolve(lock: Lock | undefined, progress?: OnProgress): Promise<void> {
    const total = this.#wanted.length
    let done = 0
    await inTurns(this.#wanted, RESOLVES, async ({ kind, request, for: users }) => {
      progress?.({ done, total, unit: 'items', note: `${kind} for ${users.join(', ')}` })
      const items =
        (lock === undefined ? undefined : lockedItems(lock, kind, request)) ??
        (await this.#patiently(() => this.source(kind).resolve(request)))
      this.#exact.set(requestKey(kind, request), items)
      progress?.({ done: ++done, total, unit: 'items' })
    })
  }

  /** Brings the bytes of every item into the store. Throws E_UPSTREAM_CHANGED, E_UPSTREAM_MISSING, E_UPSTREAM_UNREACHABLE, E_DISK_FULL. */
  async fetch(limit: number, progress?: OnProgress): Promise<void> {
    const jobs = new Map<string, { item: Item; request: Request }>()
    for (const { kind, request } of this.#wanted)
      for (const item of this.#exact.get(requestKey(kind, request)) ?? [])
        jobs.set(`${kind}:${item.path}`, { item, request })
    const all = [...jobs.values()]
    const known = all.every(({ item }) => item.size !== undefined)
    const total = all.reduce((sum, { item }) => sum + (item.size ?? 0), 0)
    let done = 0
    const onBytes = (count: number): void => {
      done += count
      progress?.({ done, ...(known ? { total } : {}), unit: 'bytes' })
    }
    const onNew = ({ size }: LockedItem): void => void (this.#fetched = { items: this.#fetched.items + 1, bytes: this.#fetched.bytes + size })
    const { store, signal } = this.#context
    // Hashing what is there keeps a core busy: more at a time would only take memory.
    await inTurns(all, HASHES, async ({ item }) => {
      signal.throwIfAborted()
      if ('sha256' in item) await store.ref((item as LockedItem).sha256)
    })
    await inTurns(all, limit, async ({ item, request }) => {
      this.#items.set(
        `${item.kind}:${item.path}`,
        await this.#patiently(() => ingest(item, request, { source: this.source(item.kind), store, signal, onBytes, onNew })),
      )
    })
  }

  /** What the last `fetch` had to bring in: the store did not hold it. */
  fetched(): { readonly items: number; readonly bytes: number } {
    return this.#fetched
  }

  /** The items of a request; for apt in the order of their names. Only after `fetch`. */
  locked(kind: SourceKind, request: Request): LockedItem[] {
    return (this.#exact.get(requestKey(kind, request)) ?? []).flatMap(
      (item) => this.#items.get(`${kind}:${item.path}`) ?? [],
    )
  }

  all(): LockedItem[] {
    return [...this.#items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  }

  /** What the lock has to say; only after `fetch`. */
  lock(definition: Definition, created: string, outputs: Lock['outputs']): Lock {
    const requests = this.#wanted.map(({ kind, request, for: users }): LockedRequest => {
      const key = requestKey(kind, request)
      return { kind, request: key, for: users, items: (this.#exact.get(key) ?? []).map((item) => item.path).sort() }
    })
    return {
      lockVersion: LOCK_VERSION,
      name: definition.fields.name,
      version: definition.fields.version,
      created,
      definition: { digest: filesDigest(definition.files), files: definition.files },
      requests: requests.sort((a, b) => (a.request < b.request ? -1 : 1)),
      items: this.all(),
      outputs,
    }
  }
}
