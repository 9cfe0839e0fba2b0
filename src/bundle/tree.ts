import { fault } from './codes.ts'
import { LIMITS } from './layout.ts'
import { collisions, comparePaths, pathFault, plainPathFault } from './path.ts'
import { shown } from './printable.ts'
import { hex128, hex64, integer, listOf, oneOf, recordOf, type Check } from './shape.ts'
import { parseStrict, serialise } from './strict-json.ts'

/** One file of a mirror or IaC tree: `sha256` names a blob of the same bundle, `size` is in bytes. */
export interface TreeEntry {
  readonly path: string
  readonly sha256: string
  readonly size: number
  readonly executable?: true
}

/** One file under docs/ or evidence/, as it stands in the bundle; `path` is relative to that folder. */
export interface PlainEntry {
  readonly path: string
  readonly sha512: string
  readonly size: number
}

const treePath: Check = (value, place, faults) => {
  const why = pathFault(value)
  if (why) faults.push(`${place}: ${shown(value)} ${why}`)
}
const plainPath: Check = (value, place, faults) => {
  const why = plainPathFault(value)
  if (why) faults.push(`${place}: ${shown(value)} ${why}`)
}

const TREE = listOf(
  recordOf({ path: treePath, sha256: hex64, size: integer(0), executable: oneOf(true) }, { optional: ['executable'] }),
  LIMITS.treeEntries,
)
const PLAIN = listOf(recordOf({ path: plainPath, sha512: hex128, size: integer(0) }), LIMITS.treeEntries)

function checked<T extends { readonly path: string }>(value: unknown, shape: Check, what: string): T[] {
  const faults: string[] = []
  shape(value, what, faults)
  if (faults.length === 0) {
    const entries = value as readonly T[]
    faults.push(...collisions(entries.map((entry) => entry.path)))
    entries.forEach((entry, index) => {
      const before = entries[index - 1]
      if (before && comparePaths(before.path, entry.path) > 0) {
        faults.push(`${what}[${index}]: ${entry.path} is not in the order of bytes`)
      }
    })
  }
  if (faults.length > 0) throw fault('E_TREE_INVALID', `${what} is not a valid tree`, { faults })
  return value as T[]
}

function sorted<T extends { readonly path: string }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => comparePaths(String(a.path), String(b.path)))
}

/**
 * Sorts, checks and writes a tree; `what` names it in faults.
 * @throws E_TREE_INVALID with every fault
 */
export function serialiseTree(entries: readonly TreeEntry[], what: string): Buffer {
  const plain = entries.map(({ path, sha256, size, executable }) => ({
    path,
    sha256,
    size,
    ...(executable ? { executable } : {}),
  }))
  return serialise(checked<TreeEntry>(sorted(plain), TREE, what))
}

/** @throws E_JSON_STRICT, E_TOO_LARGE, E_TREE_INVALID */
export function parseTree(bytes: Uint8Array, what: string): TreeEntry[] {
  return checked<TreeEntry>(parseStrict(bytes, { what, limit: LIMITS.tree }), TREE, what)
}

/** As `serialiseTree`, for files under docs/ and evidence/. */
export function serialisePlain(entries: readonly PlainEntry[], what: string): Buffer {
  const plain = entries.map(({ path, sha512, size }) => ({ path, sha512, size }))
  return serialise(checked<PlainEntry>(sorted(plain), PLAIN, what))
}

/** @throws E_JSON_STRICT, E_TOO_LARGE, E_TREE_INVALID */
export function parsePlain(bytes: Uint8Array, what: string): PlainEntry[] {
  return checked<PlainEntry>(parseStrict(bytes, { what, limit: LIMITS.tree }), PLAIN, what)
}
