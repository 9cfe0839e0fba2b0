import { Bundle, openContents, readStatementBytes, type StatementBytes } from './bundle.ts'
import { checkBytes } from './bytes.ts'
import { readAllApprovals, readApprovals } from './approval-files.ts'
import { decide, validity, type Circumstances } from './decide.ts'
import { judgeApprovals, type ApprovalFindings } from './judge-approvals.ts'
import { judgeSignatures, type SignatureFindings, type Signer } from './judge-signatures.ts'
import type { PoolOptions } from './hash-pool.ts'
import type { Policy } from './policy.ts'
import { refuse, type Reason } from './reasons.ts'
import { checkReferences } from './references.ts'
import { readSignatures, signBytes, writeSignatures } from './signature.ts'
import { parseStatement, type Statement } from './statement.ts'
import type { SigningKey } from './keys.ts'

export interface VerifyOptions extends Circumstances, Pick<PoolOptions, 'workers' | 'onProgress' | 'signal'> {
  /** The site's policy, accepted before (policy-file.ts). */
  readonly policy: Policy
}

/**
 * Signatures, the policy's decision, SHA512SUMS, the listing and the list of blobs: all but the bytes of the files,
 * which are then checked by whoever reads them through the Bundle, or by `verifyBundle`. Nothing is parsed before
 * the signatures of one key of the policy hold, and nothing is written: a read-only medium will do.
 * @throws E_UNSIGNED, E_SIGNATURE_*, E_KEY_*, E_APPROVAL_*, E_PERSON_TWICE, E_THRESHOLD, E_MARKING_CEILING, E_KIND_ACT, E_POLICY_*,
 *   E_BELOW_FLOOR, E_SEQUENCE_REUSED with all reasons at once; then those of `openContents`
 */
export async function openBundle(directory: string, options: VerifyOptions): Promise<Bundle> {
  const { read, statement, findings, approvals } = await openStatement(directory, options)
  const contents = await openContents(directory, read, statement)
  const notices = [...findings.discounted, ...approvals.discounted].map(notice)
  return new Bundle(contents, { signers: findings.signers.map(signer), approvals: approvals.counted, notices })
}

export interface OpenedStatement {
  readonly read: StatementBytes
  readonly statement: Statement
  readonly findings: SignatureFindings
  readonly approvals: ApprovalFindings
}

/** The statement of a bundle whose signatures the policy accepts for the act: the first three steps of `openBundle`. */
export async function openStatement(directory: string, options: VerifyOptions): Promise<OpenedStatement> {
  const what = `the bundle ${directory}`
  const read = await readStatementBytes(directory)
  const signatures = await readSignatures(directory)
  if (signatures.size === 0) {
    refuse(what, [{ code: 'E_UNSIGNED', text: 'it is not signed' }, ...validity(options.policy, options.now)])
  }
  const findings = judgeSignatures(options.policy, read.bytes, read.digest, signatures)
  if (findings.signers.length === 0) {
    refuse(what, [...findings.broken, ...findings.discounted, ...validity(options.policy, options.now)])
  }
  const statement = parseStatement(read.bytes)
  const approvals = judgeApprovals(options.policy, read.digest, await readApprovals(directory), options)
  refuse(what, decide(options.policy, statement, read.digest, findings, options, approvals))
  return { read, statement, findings, approvals }
}

/**
 * Every reason why the policy does not allow what a kept manifest says: bundle.json, signatures/ and approvals/ without
 * the rest of the bundle. The caller has compared its digest with the one remembered. `apart` is a folder with approvals
 * that are not in the bundle.
 * @throws as `openBundle`, for what cannot be read
 */
export async function judgeManifest(directory: string, policy: Policy, circumstances: Circumstances, apart?: string): Promise<Reason[]> {
  const { bytes, digest } = await readStatementBytes(directory)
  const findings = judgeSignatures(policy, bytes, digest, await readSignatures(directory))
  if (findings.signers.length === 0) {
    return [...findings.broken, ...findings.discounted, { code: 'E_UNSIGNED', text: 'no key that counts signed it' }]
  }
  const approvals = judgeApprovals(policy, digest, await readAllApprovals(directory, apart), circumstances)
  return decide(policy, parseStatement(bytes), digest, findings, circumstances, approvals)
}

/**
 * `openBundle`, then every byte and every reference. Memory does not grow with the size of the bundle.
 * @throws those of `openBundle`, `checkBytes` and `checkReferences`
 */
export async function verifyBundle(directory: string, options: VerifyOptions): Promise<Bundle> {
  const bundle = await openBundle(directory, options)
  await checkBytes(bundle, options)
  await checkReferences(bundle)
  return bundle
}

/**
 * Signs a bundle after checking that it is whole, so that a publisher does not sign what a disk has damaged since it
 * was built. Other signatures stay.
 * @throws those of `openContents`, `checkBytes`, `checkReferences`
 */
export async function signBundle(directory: string, key: SigningKey, options: PoolOptions = {}): Promise<Bundle> {
  const read = await readStatementBytes(directory)
  await readSignatures(directory)
  await readApprovals(directory)
  const bundle = new Bundle(await openContents(directory, read))
  await checkBytes(bundle, options)
  await checkReferences(bundle)
  await writeSignatures(directory, key.keyId, signBytes(read.bytes, key))
  return bundle
}

function signer({ keyId, person, roles }: Signer): Signer {
  return { keyId, person, roles }
}

function notice({ code, text }: Reason): string {
  return `${code}: ${text}`
}
