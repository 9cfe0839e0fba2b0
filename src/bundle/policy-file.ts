import { fault } from './codes.ts'
import { readRegular } from './io.ts'
import { ALGORITHMS, KEY_ID, type Algorithm, type KeyPair, type SigningKey } from './keys.ts'
import { LIMITS } from './layout.ts'
import { parsePayload, personKey, personsOf, type Policy, type PolicyPayload } from './policy.ts'
import { refuse, type Reason } from './reasons.ts'
import { listOf, matching, oneOf, recordOf, type Check } from './shape.ts'
import { signBytes, signatureHolds, type SignaturePair } from './signature.ts'
import { parseStrict, serialise } from './strict-json.ts'

/** The file of a trust policy: the exact text that is signed, and the signatures over its UTF-8 bytes. */
export interface PolicyFile {
  readonly payload: string
  readonly signatures: readonly { readonly keyId: string; readonly algorithm: Algorithm; readonly signature: string }[]
}

const anyText: Check = (value, place, faults) => {
  if (typeof value !== 'string') faults.push(`${place}: expected the text of the payload`)
}

/** One spelling for the same bytes (RFC 4648 section 4, with padding and no bits left over). */
const base64: Check = (value, place, faults) => {
  const bytes = typeof value === 'string' && value.length <= 11_000 ? Buffer.from(value, 'base64') : Buffer.alloc(0)
  if (bytes.byteLength === 0 || bytes.toString('base64') !== value) faults.push(`${place}: expected base64`)
}

const FILE = recordOf({
  payload: anyText,
  signatures: listOf(
    recordOf({
      keyId: matching(KEY_ID, '16 lower-case hex digits'),
      algorithm: oneOf(...ALGORITHMS),
      signature: base64,
    }),
    64,
    (item: PolicyFile['signatures'][number]) => `${item.keyId} ${item.algorithm}`,
  ),
})

/** Signs a payload with root keys; the result is the bytes of the policy's file. */
export function signPolicy(payload: PolicyPayload, roots: readonly SigningKey[]): Buffer {
  const text = serialise(payload)
  return serialise({ payload: text.toString(), signatures: signaturesOf(text, roots) } satisfies PolicyFile)
}

/** The file with the signatures of further roots over the very same text. @throws E_JSON_STRICT, E_POLICY_INVALID */
export function countersignPolicy(bytes: Uint8Array, roots: readonly SigningKey[]): Buffer {
  const { payload, signatures } = parseFile(bytes)
  const more = signaturesOf(Buffer.from(payload), roots)
  const others = signatures.filter(({ keyId }) => !roots.some((root) => root.keyId === keyId))
  return serialise({ payload, signatures: [...others, ...more] } satisfies PolicyFile)
}

function signaturesOf(text: Uint8Array, roots: readonly SigningKey[]): PolicyFile['signatures'] {
  return roots.flatMap((root) => {
    const pair = signBytes(text, root)
    return ALGORITHMS.map((algorithm) => ({ keyId: root.keyId, algorithm, signature: pair[algorithm].toString('base64') }))
  })
}

/** @throws E_JSON_STRICT, E_TOO_LARGE, E_POLICY_INVALID */
function parseFile(bytes: Uint8Array): PolicyFile {
  const value = parseStrict(bytes, { what: 'the trust policy', limit: LIMITS.policy })
  const faults: string[] = []
  FILE(value, '', faults)
  if (faults.length > 0) throw fault('E_POLICY_INVALID', 'the file is not a trust policy', { faults })
  return value as PolicyFile
}

/** The text that a policy's file carries, whoever signed it. @throws as `parsePayload` */
export function payloadIn(bytes: Uint8Array): Policy {
  return parsePayload(parseFile(bytes).payload)
}

/** Persons, by root keys of `policy` that are not revoked there, whose two signatures over `text` hold. */
function rootSigners(policy: Policy, text: Uint8Array, signatures: ReadonlyMap<string, SignaturePair>): Set<string> {
  const { payload, keys } = policy
  const persons = new Set<string>()
  for (const entry of payload.keys) {
    const pair = signatures.get(entry.keyId)
    const revoked = payload.revocations.some((item) => item.keyId === entry.keyId)
    if (!pair || revoked || !entry.roles.includes('root')) continue
    const key = keys.get(entry.keyId) as KeyPair
    const holds = ALGORITHMS.every((name) => {
      const signature = pair[name]
      return signature !== undefined && signatureHolds(name, text, key[name], signature)
    })
    if (holds) persons.add(personKey(entry.person))
  }
  return persons
}

export interface Acceptance {
  /** The digest on the card, for the first policy of a site: sha512 in hex. */
  readonly digest?: string | undefined
  /** The policy in force, for every later one. */
  readonly current?: Policy
}

/**
 * Reads the bytes of a policy's file and decides whether it may come into force. A first policy is bound by `digest`;
 * a later one has to follow `current` and to meet the root thresholds of both (TUF specification 5.3). With neither,
 * the caller vouches for the bytes, and only the policy's own root threshold is checked.
 * @throws E_JSON_STRICT, E_TOO_LARGE, E_POLICY_DIGEST, E_POLICY_INVALID, E_POLICY_SIGNATURES, E_POLICY_CHAIN
 */
export function acceptPolicy(bytes: Uint8Array, { digest, current }: Acceptance = {}): Policy {
  const file = parseFile(bytes)
  const policy = parsePayload(file.payload)
  const text = Buffer.from(file.payload)
  const reasons: Reason[] = []
  if (digest !== undefined && digest.replace(/\s/g, '').toLowerCase() !== policy.digest) {
    reasons.push({
      code: 'E_POLICY_DIGEST',
      text: 'its digest is not the expected one',
      expected: digest,
      found: policy.digest,
    })
  }
  if (current) reasons.push(...chainFaults(policy, current))
  const signatures = new Map<string, SignaturePair>()
  for (const { keyId, algorithm, signature } of file.signatures) {
    signatures.set(keyId, { ...signatures.get(keyId), [algorithm]: Buffer.from(signature, 'base64') })
  }
  const unchanged = current?.digest === policy.digest
  for (const judge of current && !unchanged ? [current, policy] : [policy]) {
    const needed = judge.payload.thresholds.root.root ?? 0
    const found = rootSigners(judge, text, signatures)
    if (found.size >= needed) continue
    reasons.push({
      code: 'E_POLICY_SIGNATURES',
      text: `too few persons of the root of version ${judge.payload.version} signed it`,
      expected: `${needed} of ${[...personsOf(judge.payload, 'root')].join(', ')}`,
      found: found.size === 0 ? 'none' : [...found].join(', '),
    })
  }
  refuse('the trust policy', reasons)
  return policy
}

function chainFaults({ payload, digest }: Policy, current: Policy): Reason[] {
  if (digest === current.digest) return []
  const reasons: Reason[] = []
  const add = (text: string, expected: string, found: string) =>
    reasons.push({ code: 'E_POLICY_CHAIN', text, expected, found })
  const version = current.payload.version + 1
  if (payload.site !== current.payload.site) add('it is for another site', current.payload.site, payload.site)
  if (payload.version !== version) add('it is not the next version', `version ${version}`, `version ${payload.version}`)
  else if (payload.previous !== current.digest) {
    add('it does not follow the policy in force', `previous ${current.digest}`, `previous ${payload.previous}`)
  }
  return reasons
}

/** Reads and accepts the policy in a file. @throws as `acceptPolicy`, E_POLICY_INVALID when there is no such file */
export async function readPolicy(path: string, acceptance: Acceptance = {}): Promise<Policy> {
  const bytes = await readRegular(path, LIMITS.policy)
  if (!bytes) throw fault('E_POLICY_INVALID', `there is no regular file ${path}`)
  return acceptPolicy(bytes, acceptance)
}
