import type { KeyObject } from 'node:crypto'
import { fault } from './codes.ts'
import { sha512 } from './digest.ts'
import {
  ALGORITHMS,
  KEY_ID,
  ROLES,
  keyIdOf,
  parsePublic,
  pem,
  spki,
  type Algorithm,
  type KeyPair,
  type Role,
} from './keys.ts'
import { LIMITS } from './layout.ts'
import { shown } from './printable.ts'
import { hex128, instant, integer, line, listOf, mapOf, matching, nullOr, oneOf, recordOf } from './shape.ts'
import { KINDS, NAME, type Kind, type Marking } from './statement.ts'
import { parseStrict } from './strict-json.ts'

export const POLICY_TYPE = 'application/vnd.sallyport.policy.v1+json'

/** What a policy decides about: taking a bundle in, installing it on a new site, upgrading a running one. */
export const ACTS = ['import', 'install', 'upgrade'] as const
export type Act = (typeof ACTS)[number]

export interface PolicyKey {
  readonly keyId: string
  readonly person: string
  readonly roles: readonly Role[]
  /** Bundle names the key may sign; `*` stands for any characters. */
  readonly names: readonly string[]
  /** SPKI in PEM. */
  readonly mldsa87: string
  readonly p384: string
}

export interface Revocation {
  readonly keyId: string
  readonly at: string
  readonly reason: string
  /** sha512 of each bundle.json that stays valid although the key signed it. */
  readonly keeps: readonly string[]
}

export interface FloorEntry {
  readonly kind: Kind
  readonly name: string
  /** The lowest sequence that is taken. */
  readonly sequence: number
}

/** Lets one bundle below the floor, until a date. */
export interface FloorException {
  readonly kind: Kind
  readonly name: string
  readonly digest: string
  readonly expires: string
  readonly reason: string
}

/** The highest marking a site may hold: a level, in the order of its label policy, and the categories. */
export interface Ceiling {
  readonly policy: string
  readonly policyVersion: string
  /** Every level from the lowest to the highest. */
  readonly levels: readonly string[]
  readonly level: string
  readonly categories: readonly string[]
}

/** The decisions of one site about trust; docs/format.md is its normative description. */
export interface PolicyPayload {
  readonly type: typeof POLICY_TYPE
  readonly formatVersion: 1
  readonly critical: readonly string[]
  readonly version: number
  /** sha512 of the payload of the version before; null in the first. */
  readonly previous: string | null
  readonly site: string
  readonly created: string
  readonly expires: string
  readonly persons: readonly string[]
  readonly keys: readonly PolicyKey[]
  /** Act → role → number of persons; `root` is the act of changing the policy. */
  readonly thresholds: Readonly<Record<'root' | Act, Readonly<Partial<Record<Role, number>>>>>
  readonly revocations: readonly Revocation[]
  readonly floor: readonly FloorEntry[]
  readonly exceptions: readonly FloorException[]
  readonly ceiling: Ceiling
}

/** A payload with its digest and its keys ready for use. */
export interface Policy {
  readonly payload: PolicyPayload
  /** sha512 of the payload's exact text: what the card names and the next version carries as `previous`. */
  readonly digest: string
  readonly keys: ReadonlyMap<string, KeyPair>
}

const keyId = matching(KEY_ID, '16 lower-case hex digits')
const name = matching(NAME, 'a bundle name')
const threshold = mapOf(/^(?:root|publisher|accreditor|site)$/, integer(1, 32))
const urn = matching(/^urn:[!-~]{3,240}$/, 'a URN of the label policy')

const PAYLOAD = recordOf(
  {
    type: oneOf(POLICY_TYPE),
    formatVersion: oneOf(1),
    critical: listOf(line, 64, (item: string) => item),
    version: integer(1),
    previous: nullOr(hex128),
    site: name,
    created: instant,
    expires: instant,
    persons: listOf(line, 256, personKey),
    keys: listOf(
      recordOf({
        keyId,
        person: line,
        roles: listOf(oneOf(...ROLES), ROLES.length, (item: string) => item),
        names: listOf(
          matching(/^(?=.{1,64}$)[a-z0-9-]*\*?[a-z0-9-]*$/, 'a pattern of a-z, 0-9, "-" and at most one "*"'),
          64,
          (item: string) => item,
        ),
        mldsa87: matching(/^-----BEGIN PUBLIC KEY-----\n/, 'a public key in PEM'),
        p384: matching(/^-----BEGIN PUBLIC KEY-----\n/, 'a public key in PEM'),
      }),
      256,
      (item: PolicyKey) => item.keyId,
    ),
    thresholds: recordOf({ root: threshold, import: threshold, install: threshold, upgrade: threshold }),
    revocations: listOf(
      recordOf({ keyId, at: instant, reason: line, keeps: listOf(hex128, 1024, (item: string) => item) }),
      256,
      (item: Revocation) => item.keyId,
    ),
    floor: listOf(
      recordOf({ kind: oneOf(...KINDS), name, sequence: integer(1) }),
      1024,
      (item: FloorEntry) => `${item.kind} ${item.name}`,
    ),
    exceptions: listOf(recordOf({ kind: oneOf(...KINDS), name, digest: hex128, expires: instant, reason: line }), 64),
    ceiling: recordOf({
      policy: urn,
      policyVersion: line,
      levels: listOf(line, 32, (item: string) => item),
      level: line,
      categories: listOf(line, 256, (item: string) => item),
    }),
  },
  { open: true },
)

/** Under which two spellings are the same person: one person must not count twice by writing a name otherwise. */
export function personKey(person: string): string {
  return person.normalize('NFKC').toUpperCase().toLowerCase().replace(/\s+/g, ' ').trim()
}

/** Persons of `role` whose key is not revoked. */
export function personsOf(payload: PolicyPayload, role: Role): Set<string> {
  const revoked = new Set(payload.revocations.map((item) => item.keyId))
  const keys = payload.keys.filter((key) => key.roles.includes(role) && !revoked.has(key.keyId))
  return new Set(keys.map((key) => personKey(key.person)))
}

/** What the shape alone cannot say. */
function meaningFaults(payload: PolicyPayload, keys: Map<string, KeyPair>): string[] {
  const faults: string[] = []
  const persons = new Set(payload.persons)
  const owners = new Map<string, string>()
  payload.keys.forEach((entry, index) => {
    const place = `keys[${index}]`
    if (!persons.has(entry.person)) faults.push(`${place}.person: ${JSON.stringify(entry.person)} is not in persons`)
    const pair: Partial<Record<Algorithm, KeyObject>> = {}
    for (const algorithm of ALGORITHMS) {
      const key = parsePublic(algorithm, entry[algorithm])
      if (!key || pem(key) !== entry[algorithm]) {
        faults.push(`${place}.${algorithm}: is not a public key for ${algorithm} in the PEM of openssl`)
        continue
      }
      pair[algorithm] = key
      const print = sha512(spki(key))
      const owner = owners.get(print)
      if (owner !== undefined) faults.push(`${place}.${algorithm}: is also the key of ${owner}`)
      owners.set(print, `keys[${index}]`)
    }
    if (!pair.mldsa87 || !pair.p384) return
    keys.set(entry.keyId, pair as KeyPair)
    const found = keyIdOf(pair as KeyPair)
    if (found !== entry.keyId)
      faults.push(`${place}.keyId: expected ${found} from the public keys, found ${entry.keyId}`)
  })
  for (const [act, roles] of Object.entries(payload.thresholds)) {
    if (Object.keys(roles).length === 0) faults.push(`thresholds.${act}: asks for nobody`)
  }
  const roots = personsOf(payload, 'root').size
  const needed = payload.thresholds.root.root
  if (needed === undefined || Object.keys(payload.thresholds.root).length !== 1) {
    faults.push('thresholds.root: has to ask for the role root and no other')
  } else if (roots < needed)
    faults.push(`thresholds.root: asks for ${needed} persons, there are ${roots} with a root key`)
  if (payload.expires <= payload.created) faults.push('expires: is not after created')
  if ((payload.version === 1) !== (payload.previous === null))
    faults.push('previous: is null in version 1 and only there')
  if (!payload.ceiling.levels.includes(payload.ceiling.level)) faults.push('ceiling.level: is not among ceiling.levels')
  return faults
}

/**
 * The exact text of a payload whose digest or signatures the caller checks.
 * @throws E_JSON_STRICT, E_TOO_LARGE, E_FORMAT_UNKNOWN, E_CRITICAL_UNKNOWN, E_POLICY_INVALID with every fault
 */
export function parsePayload(text: string): Policy {
  const bytes = Buffer.from(text)
  const value = parseStrict(bytes, { what: 'the payload of the trust policy', limit: LIMITS.policy })
  const envelope = (typeof value === 'object' && value !== null ? value : {}) as Partial<PolicyPayload>
  if (envelope.type !== POLICY_TYPE || envelope.formatVersion !== 1) {
    throw fault('E_FORMAT_UNKNOWN', 'the trust policy is of a type or format version that this program does not know', {
      expected: `type ${POLICY_TYPE}, formatVersion 1`,
      found: `type ${shown(envelope.type)}, formatVersion ${shown(envelope.formatVersion)}`,
    })
  }
  const faults: string[] = []
  PAYLOAD(value, '', faults)
  const payload = value as PolicyPayload
  if (faults.length === 0 && payload.critical.length > 0) {
    throw fault('E_CRITICAL_UNKNOWN', 'the trust policy has critical members that this program does not understand', {
      expected: 'none',
      found: payload.critical.join(', '),
    })
  }
  const keys = new Map<string, KeyPair>()
  if (faults.length === 0) faults.push(...meaningFaults(payload, keys))
  if (faults.length > 0) throw fault('E_POLICY_INVALID', 'the trust policy is not valid', { faults })
  return { payload, digest: sha512(bytes), keys }
}

/** Why `label` may not enter under `ceiling`, or undefined. Fails closed: another policy version cannot be compared. */
export function aboveCeiling(label: Marking, ceiling: Ceiling): string | undefined {
  if (label.policy !== ceiling.policy || label.policyVersion !== ceiling.policyVersion) {
    return `label policy ${label.policy} version ${label.policyVersion}`
  }
  const level = ceiling.levels.indexOf(label.level)
  if (level === -1 || level > ceiling.levels.indexOf(ceiling.level)) return `level ${label.level}`
  const foreign = label.categories.filter((category) => !ceiling.categories.includes(category))
  return foreign.length > 0 ? `categories ${foreign.join(', ')}` : undefined
}
