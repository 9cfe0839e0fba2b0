import { createHash } from 'node:crypto'
import type { PinnedLayers } from '../images/image.ts'
import type { LockedItem, Request, SourceKind } from '../sources/source.ts'

export const LOCK_VERSION = 1

/** What one request was resolved to. */
export interface LockedRequest {
  readonly kind: SourceKind
  /** sha256 of the request. Not the request itself: an image's names a registry. */
  readonly request: string
  /** For people: `mirrors/debian`, `images/postgresql`. */
  readonly for: readonly string[]
  /** Paths of items of this kind. */
  readonly items: readonly string[]
}

/** bundle.lock.yaml: every input of a bundle, and every result that cannot be made again bit for bit. */
export interface Lock {
  readonly lockVersion: typeof LOCK_VERSION
  readonly name: string
  readonly version: string
  /** UTC, whole seconds: the `created` of the bundle. */
  readonly created: string
  readonly definition: {
    /** sha512 over `files`. */
    readonly digest: string
    /** sha512 of every file the lock was resolved from, by path relative to the definition. */
    readonly files: Readonly<Record<string, string>>
  }
  readonly requests: readonly LockedRequest[]
  /** Sorted by kind and path. */
  readonly items: readonly LockedItem[]
  /** Layers made by `run` steps, by `<image>/<layer>`. */
  readonly outputs: PinnedLayers
}

export function requestKey(kind: SourceKind, request: Request): string {
  const { items, purpose, suites, without, paths, list, repository } = request
  return createHash('sha256')
    // What was added later counts only where it is used: locks made before keep their keys.
    .update(JSON.stringify([kind, items, purpose, suites, without, paths, ...(list || repository ? [list, repository] : [])]))
    .digest('hex')
}

/** sha512 of `<hex>  <path>` lines, as coreutils would write them. */
export function filesDigest(files: Readonly<Record<string, string>>): string {
  const hash = createHash('sha512')
  for (const [path, digest] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${digest}  ${path}\n`)
  return hash.digest('hex')
}

/** The items of a request, or undefined when the lock has no such request. */
export function lockedItems(lock: Lock, kind: SourceKind, request: Request): LockedItem[] | undefined {
  const key = requestKey(kind, request)
  const entry = lock.requests.find((one) => one.kind === kind && one.request === key)
  if (entry === undefined) return undefined
  const wanted = new Set(entry.items)
  return lock.items.filter((item) => item.kind === kind && wanted.has(item.path))
}
