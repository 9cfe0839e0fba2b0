import { createHash } from 'node:crypto'

/*
 * Merkle tree hashing of RFC 6962 section 2.1 (as kept by RFC 9162), with SHA-384 in the place of SHA-256: leaf and
 * node hashes are told apart by their first byte, so that no node can be passed off as a leaf.
 */

export function leafHash(leaf: Uint8Array): Buffer {
  return createHash('sha384').update(Buffer.of(0)).update(leaf).digest()
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha384').update(Buffer.of(1)).update(left).update(right).digest()
}

/**
 * A growing tree in logarithmic space: the roots of its complete subtrees, largest first (one for each bit set in
 * `size`). Enough to append and to state the root, not to give proofs of single leaves.
 */
export interface Frontier {
  readonly size: number
  readonly roots: readonly Buffer[]
}

export const EMPTY: Frontier = { size: 0, roots: [] }

export function append(frontier: Frontier, leaf: Uint8Array): Frontier {
  const roots = [...frontier.roots]
  let hash = leafHash(leaf)
  for (let size = frontier.size; size % 2 === 1; size = (size - 1) / 2) {
    const left = roots.pop()
    if (left === undefined) throw new Error('the frontier does not fit its size')
    hash = nodeHash(left, hash)
  }
  roots.push(hash)
  return { size: frontier.size + 1, roots }
}

/** Merkle tree hash of all leaves; of no leaves, the hash of nothing. */
export function rootHash(frontier: Frontier): Buffer {
  const [last, ...rest] = frontier.roots.toReversed()
  if (last === undefined) return createHash('sha384').digest()
  return rest.reduce((right: Buffer, left) => nodeHash(left, right), last)
}
