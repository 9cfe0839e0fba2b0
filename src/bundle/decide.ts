import { NO_APPROVALS, type ApprovalFindings, type Approving } from './judge-approvals.ts'
import type { SignatureFindings } from './judge-signatures.ts'
import { ROLES, type Role } from './keys.ts'
import { aboveCeiling, personKey, type Act, type FloorEntry, type Policy, type PolicyKey } from './policy.ts'
import type { Reason } from './reasons.ts'
import type { Kind, Statement } from './statement.ts'

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
  /** `named` when absent. */
  readonly approving?: Approving
}

/** Every reason why the policy does not allow the act; empty when it does. */
export function decide(
  policy: Policy,
  statement: Statement,
  digest: string,
  findings: SignatureFindings,
  circumstances: Circumstances,
  approvals: ApprovalFindings = NO_APPROVALS,
): Reason[] {
  return [
    ...findings.broken,
    ...approvals.broken,
    ...validity(policy, circumstances.now),
    ...thresholds(policy, statement, findings, circumstances, approvals),
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

/** Accreditors are counted by their approvals alone, everybody else by signatures over bundle.json alone. */
function thresholds(
  { payload }: Policy,
  { name }: Statement,
  findings: SignatureFindings,
  { act, approving }: Circumstances,
  approvals: ApprovalFindings,
): Reason[] {
  const needed = payload.thresholds[act]
  const reasons: Reason[] = []
  const seen = new Map<string, PolicyKey>()
  const short = new Set<Role>()
  for (const role of ROLES) {
    if (role === 'accreditor' && approving === 'later') continue
    const count = needed[role] ?? 0
    const signers = role === 'accreditor' ? approvals.signers : findings.signers
    const keys = [...new Set(signers)].filter((key) => key.roles.includes(role) && covers(key.names, name))
    const persons = new Map(keys.map((key) => [personKey(key.person), key]))
    if (persons.size >= count) continue
    short.add(role)
    if (keys.length >= count) {
      const twice = keys.filter((key) =>
        keys.some((other) => other !== key && personKey(other.person) === personKey(key.person)),
      )
      for (const key of twice) seen.set(personKey(key.person), key)
    }
    reasons.push({
      code: 'E_THRESHOLD',
      text: `${act} asks for ${count} ${count === 1 ? 'person' : 'persons'} with the role ${role}${role === 'accreditor' ? ' who approved it' : ''}`,
      expected: `${count} with the role ${role}`,
      found: persons.size === 0 ? 'none' : [...persons.values()].map((key) => key.person).join(', '),
    })
  }
  if (short.size === 0) return []
  const why: Reason[] = []
  if (short.size > 1 || !short.has('accreditor')) why.push(...findings.discounted)
  why.push(...useless(findings.signers, name, needed, act))
  if (short.has('accreditor')) why.push(...approvals.discounted, ...useless(approvals.signers, name, needed, act))
  for (const key of seen.values())
    why.push({ code: 'E_PERSON_TWICE', text: `${key.person} signed with several keys and counts once` })
  return [...why, ...reasons]
}

/** Why keys that signed do not help. */
function useless(
  signers: readonly PolicyKey[],
  name: string,
  needed: Policy['payload']['thresholds'][Act],
  act: Act,
): Reason[] {
  const why: Reason[] = []
  for (const key of signers) {
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
  return why
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
