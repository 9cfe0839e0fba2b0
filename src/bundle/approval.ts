import { fault } from './codes.ts'
import { sha512 } from './digest.ts'
import { LIMITS } from './layout.ts'
import { ACTS, type Act } from './policy.ts'
import { shown } from './printable.ts'
import { hex128, instant, line, listOf, matching, nullOr, oneOf, recordOf } from './shape.ts'
import { NAME } from './statement.ts'
import { parseStrict, serialise } from './strict-json.ts'

const APPROVAL_TYPE = 'application/vnd.sallyport.approval.v1+json'

/** What an accreditor decides about one bundle, one site and one plan; docs/format.md is its normative description. */
export interface ApprovalFields {
  /** sha512 of bundle.json. */
  readonly bundle: string
  readonly site: string
  readonly act: Act
  /** sha512 of site.yaml and of the plan; null for an import only. */
  readonly siteDigest: string | null
  readonly planDigest: string | null
  /** For people: they decide nothing. */
  readonly conditions: readonly string[]
  readonly created: string
  readonly expires: string
}

export interface Approval extends ApprovalFields {
  readonly type: typeof APPROVAL_TYPE
  readonly formatVersion: 1
  readonly critical: readonly string[]
}

const APPROVAL = recordOf(
  {
    type: oneOf(APPROVAL_TYPE),
    formatVersion: oneOf(1),
    critical: listOf(line, 64, (item: string) => item),
    bundle: hex128,
    site: matching(NAME, 'the name of a site'),
    act: oneOf(...ACTS),
    siteDigest: nullOr(hex128),
    planDigest: nullOr(hex128),
    conditions: listOf(line, 64),
    created: instant,
    expires: instant,
  },
  { open: true },
)

function meaningFaults({ act, siteDigest, planDigest, created, expires }: Approval): string[] {
  const faults: string[] = []
  if (expires <= created) faults.push('expires: is not after created')
  if (act !== 'import' && siteDigest === null) faults.push(`siteDigest: an approval of ${act} names the site.yaml`)
  if (act !== 'import' && planDigest === null) faults.push(`planDigest: an approval of ${act} names the plan`)
  return faults
}

/** The name of an approval's files: the first 16 hex digits of sha512 over its bytes. */
export function approvalId(bytes: Uint8Array): string {
  return sha512(bytes).slice(0, 16)
}

/** The bytes to sign. @throws E_APPROVAL_INVALID with every fault */
export function serialiseApproval(fields: ApprovalFields): Buffer {
  const { bundle, site, act, siteDigest, planDigest, conditions, created, expires } = fields
  const bytes = serialise({
    type: APPROVAL_TYPE,
    formatVersion: 1,
    critical: [],
    ...{ bundle, site, act, siteDigest, planDigest, conditions, created, expires },
  })
  parseApproval(bytes)
  return bytes
}

/**
 * The approval in exact bytes that a key of the policy signed.
 * @throws E_JSON_STRICT, E_TOO_LARGE, E_FORMAT_UNKNOWN, E_CRITICAL_UNKNOWN, E_APPROVAL_INVALID
 */
export function parseApproval(bytes: Uint8Array): Approval {
  const what = `the approval ${approvalId(bytes)}`
  const value = parseStrict(bytes, { what, limit: LIMITS.approval })
  const envelope = (typeof value === 'object' && value !== null ? value : {}) as Partial<Approval>
  if (envelope.type !== APPROVAL_TYPE || envelope.formatVersion !== 1) {
    throw fault('E_FORMAT_UNKNOWN', `${what} is of a type or format version that this program does not know`, {
      expected: `type ${APPROVAL_TYPE}, formatVersion 1`,
      found: `type ${shown(envelope.type)}, formatVersion ${shown(envelope.formatVersion)}`,
    })
  }
  if (Array.isArray(envelope.critical) && envelope.critical.length > 0) {
    throw fault('E_CRITICAL_UNKNOWN', `${what} has critical members that this program does not understand`, {
      expected: 'none',
      found: envelope.critical.map(shown).join(', '),
    })
  }
  const faults: string[] = []
  APPROVAL(value, '', faults)
  if (faults.length === 0) faults.push(...meaningFaults(value as Approval))
  if (faults.length > 0) throw fault('E_APPROVAL_INVALID', `${what} is not valid`, { faults })
  return value as Approval
}
