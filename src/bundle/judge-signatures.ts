import { ALGORITHMS, type KeyPair, type Role } from './keys.ts'
import { LAYOUT } from './layout.ts'
import { documentEndsOf } from './line-ends.ts'
import type { Policy, PolicyKey } from './policy.ts'
import type { Reason } from './reasons.ts'
import { signatureHolds, type SignaturePair } from './signature.ts'

/** A key of the policy whose two signatures over bundle.json hold and that is not revoked for it. */
export interface Signer {
  readonly keyId: string
  readonly person: string
  readonly roles: readonly Role[]
}

export interface SignatureFindings {
  readonly signers: readonly PolicyKey[]
  /** Broken signatures: they refuse a bundle whoever else signed. */
  readonly broken: readonly Reason[]
  /** Signatures that do not count. They refuse a bundle only when too few others are left. */
  readonly discounted: readonly Reason[]
}

/**
 * `bytes` are those of bundle.json or of an approval, nothing of which has been parsed yet; `digest` is that of the
 * bundle they are about. `place` is the beginning of the names of the signature files.
 */
export function judgeSignatures(
  policy: Policy,
  bytes: Uint8Array,
  digest: string,
  signatures: ReadonlyMap<string, SignaturePair>,
  place = `${LAYOUT.signatures}/`,
): SignatureFindings {
  const signers: PolicyKey[] = []
  const broken: Reason[] = []
  const discounted: Reason[] = []
  for (const [keyId, pair] of signatures) {
    const entry = policy.payload.keys.find((key) => key.keyId === keyId)
    if (!entry) {
      discounted.push({ code: 'E_KEY_UNKNOWN', text: `key ${keyId} is not in the trust policy` })
      continue
    }
    const key = policy.keys.get(keyId) as KeyPair
    const who = `key ${keyId} of ${entry.person}`
    const absent = ALGORITHMS.filter((name) => pair[name] === undefined)
    const wrong = ALGORITHMS.filter(
      (name) => pair[name] !== undefined && !signatureHolds(name, bytes, key[name], pair[name]),
    )
    for (const name of wrong) {
      const ends = documentEndsOf(Buffer.from(bytes), (other) => signatureHolds(name, other, key[name], pair[name] as Buffer))
      broken.push({ code: 'E_SIGNATURE_INVALID', text: `the ${name} signature by ${who} does not hold${ends ? `; of what it is over: ${ends}` : ''}` })
    }
    for (const name of absent) {
      discounted.push({ code: 'E_SIGNATURE_PARTIAL', text: `${place}${keyId}.${name}.sig by ${who} is missing` })
    }
    if (wrong.length + absent.length > 0) continue
    const revocation = policy.payload.revocations.find((item) => item.keyId === keyId)
    if (revocation && !revocation.keeps.includes(digest)) {
      discounted.push({ code: 'E_KEY_REVOKED', text: `${who} was revoked on ${revocation.at}: ${revocation.reason}` })
    } else signers.push(entry)
  }
  return { signers, broken, discounted }
}
