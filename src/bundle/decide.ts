import { ALGORITHMS, ROLES, type KeyPair, type Role } from './keys.ts'
import { aboveCeiling, personKey, type Act, type FloorEntry, type Policy, type PolicyKey } from './policy.ts'
import type { Reason } from './reasons.ts'
import { signatureHolds, type SignaturePair } from './signature.ts'
import type { Kind, Statement } from './statement.ts'

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

/** `digest` is sha512 of `bytes`, which are those of bundle.json; nothing in them has been parsed yet. */
export function judgeSignatures(
  policy: Policy,
  bytes: Uint8Array,
  digest: string,
  signatures: ReadonlyMap<string, SignaturePair>,
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
    for (const name of wrong)
      broken.push({ code: 'E_SIGNATURE_INVALID', text: `the ${name} signature by ${who} does not hold` })
    for (const name of absent) {
      discounted.push({ code: 'E_SIGNATURE_PARTIAL', text: `signatures/${keyId}.${name}.sig by ${who} is missing` })
    }
    if (wrong.length + absent.length > 0) continue
    const revocation = policy.payload.revocations.find((item) => item.keyId === keyId)
    if (revocation && !revocation.keeps.includes(digest)) {
      discounted.push({ code: 'E_KEY_REVOKED', text: `${who} was revoked on ${revocation.at}: ${revocation.reason}` })
    } else signers.push(entry)
  }
  return { signers, broken, discounted }
}

/** A bundle the site has seen: the same kind, name and sequence must always have this sha512 of bundle.json. */
export interface KnownBundle {
  /** `release` when absent. */
  readonly kind?: Kind
  readonly name: string
  readonly sequence: number
  readonly digest: string
}

export interface Circumstances {
  readonly act: Act
  readonly now: Date
  /** Floors that depot and hosts remember; the highest of these and the policy's counts. */
  readonly floor?: readonly FloorEntry[]
  readonly known?: readonly KnownBundle[]
}

/** Every reason why the policy does not allow the act; empty when it does. */
export function decide(
  policy: Policy,
  statement: Statement,
  digest: string,
  findings: SignatureFindings,
  circumstances: Circumstances,
): Reason[] {
  return [
    ...findings.broken,
    ...validity(policy, circumstances.now),
    ...thresholds(policy, statement, findings, circumstances.act),
    ...kindAndMarking(policy, statement, circumstances.act),
    ...sequence(policy, statement, digest, circumstances),
  ]
}

export function validity({ payload }: Policy, now: Date): Reason[] {
  const clock = `the clock says ${now.toISOString()}`
  if (now.getTime() >= Date.parse(payload.expires)) {
    return [{ code: 'E_POLICY_EXPIRED', text: `the trust policy expired on ${payload.expires}`, found: clock }]
  }
  // A day of grace: clocks of stations without a time source drift.
  if (now.getTime() + 86_400_000 < Date.parse(payload.created)) {
    return [{ code: 'E_POLICY_NOT_YET', text: `the trust policy was created on ${payload.created}`, found: clock }]
  }
  return []
}

/** True when one of the name patterns of a key fits `name`. */
export function covers(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.split('*').join('[a-z0-9-]*')}$`).test(name))
}

function thresholds({ payload }: Policy, { name }: Statement, findings: SignatureFindings, act: Act): Reason[] {
  const needed = payload.thresholds[act]
  const reasons: Reason[] = []
  const counted = findings.signers.filter((key) => covers(key.names, name))
  const seen = new Map<string, PolicyKey>()
  let short = false
  for (const role of ROLES) {
    const count = needed[role] ?? 0
    const keys = counted.filter((key) => key.roles.includes(role))
    const persons = new Map(keys.map((key) => [personKey(key.person), key]))
    if (persons.size >= count) continue
    short = true
    if (keys.length >= count) {
      const twice = keys.filter((key) =>
        keys.some((other) => other !== key && personKey(other.person) === personKey(key.person)),
      )
      for (const key of twice) seen.set(personKey(key.person), key)
    }
    reasons.push({
      code: 'E_THRESHOLD',
      text: `${act} asks for ${count} ${count === 1 ? 'person' : 'persons'} with the role ${role}`,
      expected: `${count} with the role ${role}`,
      found: persons.size === 0 ? 'none' : [...persons.values()].map((key) => key.person).join(', '),
    })
  }
  if (!short) return []
  const why: Reason[] = [...findings.discounted]
  for (const key of findings.signers) {
    const who = `key ${key.keyId} of ${key.person}`
    if (!covers(key.names, name)) {
      why.push({
        code: 'E_KEY_NAME_PATTERN',
        text: `${who} may not sign a bundle named ${name}`,
        expected: key.names.join(', ') || 'no name at all',
        found: name,
      })
    } else if (!key.roles.some((role) => (needed[role] ?? 0) > 0)) {
      why.push({
        code: 'E_KEY_ROLE',
        text: `${who} has no role that ${act} asks for`,
        expected: Object.keys(needed).join(', '),
        found: key.roles.join(', '),
      })
    }
  }
  for (const key of seen.values())
    why.push({ code: 'E_PERSON_TWICE', text: `${key.person} signed with several keys and counts once` })
  return [...why, ...reasons]
}

function kindAndMarking({ payload }: Policy, { kind, marking }: Statement, act: Act): Reason[] {
  const reasons: Reason[] = []
  if (act !== 'import' && kind !== 'release') {
    reasons.push({
      code: 'E_KIND_ACT',
      text: `a bundle of kind ${kind} is not for ${act}`,
      expected: 'kind release',
      found: `kind ${kind}`,
    })
  }
  const above = aboveCeiling(marking, payload.ceiling)
  if (above !== undefined) {
    reasons.push({
      code: 'E_MARKING_CEILING',
      text: `its marking is above the ceiling of ${payload.site}`,
      expected: [payload.ceiling.level, ...payload.ceiling.categories].join(' / '),
      found: above,
    })
  }
  return reasons
}

function sequence({ payload }: Policy, statement: Statement, digest: string, circumstances: Circumstances): Reason[] {
  const { kind, name, sequence: found } = statement
  const reasons: Reason[] = []
  const floors = [...payload.floor, ...(circumstances.floor ?? [])].filter(
    (item) => item.kind === kind && item.name === name,
  )
  const floor = Math.max(0, ...floors.map((item) => item.sequence))
  const excepted = payload.exceptions.some(
    (item) =>
      item.kind === kind &&
      item.name === name &&
      item.digest === digest &&
      circumstances.now.getTime() < Date.parse(item.expires),
  )
  if (found < floor && !excepted) {
    reasons.push({
      code: 'E_BELOW_FLOOR',
      text: `${name} sequence ${found} is below the floor`,
      expected: `sequence ${floor} or higher`,
      found: `sequence ${found}`,
    })
  }
  const other = (circumstances.known ?? []).find(
    (item) =>
      (item.kind ?? 'release') === kind && item.name === name && item.sequence === found && item.digest !== digest,
  )
  if (other) {
    reasons.push({
      code: 'E_SEQUENCE_REUSED',
      text: `${name} sequence ${found} is known here with other content`,
      expected: `sha512 ${other.digest}`,
      found: `sha512 ${digest}`,
    })
  }
  return reasons
}
