import type { SignedApproval } from './approval-files.ts'
import { parseApproval, type Approval } from './approval.ts'
import { judgeSignatures } from './judge-signatures.ts'
import type { Act, Policy, PolicyKey } from './policy.ts'
import type { Reason } from './reasons.ts'

/**
 * What approvals are held against: the digests of the plan at hand; `named`, whatever plan they name, which the reader
 * then says; `past`, of a release that ran before; `later`, when the plan to be approved is only being made.
 */
export type Approving = { readonly siteDigest: string; readonly planDigest: string } | 'named' | 'past' | 'later'

export interface CountedApproval extends Approval {
  readonly id: string
  readonly signers: readonly PolicyKey[]
}

export interface ApprovalFindings {
  /** Keys that approved; one may stand here several times. */
  readonly signers: readonly PolicyKey[]
  readonly counted: readonly CountedApproval[]
  readonly broken: readonly Reason[]
  readonly discounted: readonly Reason[]
}

export const NO_APPROVALS: ApprovalFindings = { signers: [], counted: [], broken: [], discounted: [] }

/** A day of grace for clocks, as for the policy. */
const DAY = 86_400_000

/**
 * `digest` is the sha512 of bundle.json. Nothing of an approval is parsed before the signatures of one key hold.
 * @throws as `parseApproval`, for what a key of the policy signed
 */
export function judgeApprovals(
  policy: Policy,
  digest: string,
  approvals: readonly SignedApproval[],
  { act, now, approving = 'named' }: { readonly act: Act; readonly now: Date; readonly approving?: Approving },
): ApprovalFindings {
  const counted: CountedApproval[] = []
  const broken: Reason[] = []
  const discounted: Reason[] = []
  for (const { id, bytes, signatures } of approvals) {
    const found = judgeSignatures(policy, bytes, digest, signatures, `approvals/${id}.`)
    broken.push(...found.broken)
    discounted.push(...found.discounted)
    if (found.signers.length === 0 || found.broken.length > 0) continue
    const approval = parseApproval(bytes)
    const reasons = unfit(id, approval, { bundle: digest, site: policy.payload.site, act, now, approving })
    if (reasons.length === 0) counted.push({ ...approval, id, signers: found.signers })
    discounted.push(...reasons)
  }
  return { signers: counted.flatMap(({ signers }) => signers), counted, broken, discounted }
}

interface AtHand {
  readonly bundle: string
  readonly site: string
  readonly act: Act
  readonly now: Date
  readonly approving: Approving
}

/** Why an approval does not count. */
function unfit(id: string, approval: Approval, { bundle, site, act, now, approving }: AtHand): Reason[] {
  const reasons: Reason[] = []
  const other = (what: string, expected: string, found: string) =>
    reasons.push({ code: 'E_APPROVAL_OTHER', text: `approval ${id} is for another ${what}`, expected, found })
  if (approval.bundle !== bundle) other('bundle', bundle, approval.bundle)
  if (approval.site !== site) other('site', site, approval.site)
  if (approving === 'past') return reasons
  if (approval.act !== act) other('act', act, approval.act)
  if (typeof approving === 'object') {
    for (const [name, what] of [['siteDigest', 'site.yaml'], ['planDigest', 'plan']] as const) {
      const named = approval[name]
      if (named !== approving[name] && !(act === 'import' && named === null)) other(what, approving[name], named ?? 'none')
    }
  }
  const clock = `the clock says ${now.toISOString()}`
  if (now.getTime() >= Date.parse(approval.expires))
    reasons.push({ code: 'E_APPROVAL_EXPIRED', text: `approval ${id} ended on ${approval.expires}`, found: clock })
  if (now.getTime() + DAY < Date.parse(approval.created))
    reasons.push({ code: 'E_APPROVAL_EXPIRED', text: `approval ${id} begins on ${approval.created}`, found: clock })
  return reasons
}
