import { createHash, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { fault } from '../codes.ts'
import { rootHash } from './merkle.ts'
import type { Frontier } from './merkle.ts'

/** A signed statement about one control plane's whole part of the log up to here. */
export interface Head {
  /** So that the signature can never be taken for another document's. */
  readonly type: 'application/vnd.sallyport.audit-head.v1+json'
  readonly site: string
  /** Which control plane's part of the log. */
  readonly instance: string
  /** Number of the batch, from 0 without a gap. */
  readonly batch: number
  /** Leaves in the log. */
  readonly size: number
  /** Merkle tree hash, hex. */
  readonly root: string
  /** Roots of the complete subtrees, hex, largest first: they hash to `root`, and let the log go on from here. */
  readonly frontier: readonly string[]
  readonly previous: { readonly size: number; readonly root: string }
  readonly time: string
  /** SHA-256 of the DER public key, hex. */
  readonly key: string
}

/** The head's exact bytes and an ECDSA P-384 signature (SHA-384, DER) over them, base64: checkable with openssl. */
export interface SignedHead {
  readonly head: string
  readonly signature: string
}

export function keyId(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex')
}

export function signHead(head: Head, key: KeyObject): SignedHead {
  const text = JSON.stringify(head)
  return { head: text, signature: sign('sha384', Buffer.from(text), key).toString('base64') }
}

/** Checks signature, whose log it is, and that the frontier hashes to the root. Throws E_MESH_AUDIT. */
export function openHead(
  signed: SignedHead,
  key: KeyObject,
  log: { readonly site: string; readonly instance: string },
): { readonly head: Head; readonly frontier: Frontier } {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  if (!verify('sha384', Buffer.from(signed.head), publicKey, Buffer.from(signed.signature, 'base64'))) {
    throw fault('E_MESH_AUDIT', 'the signature of a log head does not verify', { expected: `key ${keyId(publicKey)}` })
  }
  const head = JSON.parse(signed.head) as Head
  if (head.type !== 'application/vnd.sallyport.audit-head.v1+json' || head.site !== log.site || head.instance !== log.instance) {
    throw fault('E_MESH_AUDIT', 'a log head belongs to another log', {
      expected: `${log.site}/${log.instance}`,
      found: `${head.site}/${head.instance}`,
    })
  }
  const frontier = { size: head.size, roots: head.frontier.map((root) => Buffer.from(root, 'hex')) }
  if (rootHash(frontier).toString('hex') !== head.root) {
    throw fault('E_MESH_AUDIT', 'the frontier of a log head is not its root’s', { expected: head.root })
  }
  return { head, frontier }
}
