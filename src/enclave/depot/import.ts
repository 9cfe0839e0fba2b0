import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bundle } from '../../bundle/bundle.ts'
import { readStatementBytes } from '../../bundle/bundle.ts'
import { importBlobs } from '../../bundle/import.ts'
import { walkPolicies } from '../../bundle/policy-chain.ts'
import { acceptPolicy } from '../../bundle/policy-file.ts'
import type { Policy } from '../../bundle/policy.ts'
import { parseStatement, type Statement } from '../../bundle/statement.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import { sha512 } from '../../bundle/digest.ts'
import { fault } from '../codes.ts'
import { handedPolicies, planFiles, type EngineContext } from '../engine/context.ts'
import { circumstancesOf, seen } from '../floor/floors.ts'
import { planDigest } from '../plan/plan.ts'
import { keepManifest, raiseMemory, readMemory, recordCustody } from '../floor/memory.ts'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { readState } from './state.ts'

/**
 * The policy in force on this host after taking a chain: the first is bound by the digest that site.yaml carries from
 * the card, every later one has to follow the one before. It only goes forward, whatever the depot was restored from.
 */
export async function takePolicy(paths: HostPaths, chain: readonly Buffer[], cardDigest: string): Promise<Policy> {
  const kept = await readFile(paths.policy).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  const current = kept && acceptPolicy(kept)
  const policy = walkPolicies(chain, current ? { current } : { digest: cardDigest })
  if (current?.digest !== policy.digest) await writeDurably(paths.policy, chain.at(-1) as Buffer)
  return policy
}

/** Verifies the bundle in `incoming/` against everything this host remembers, and copies its blobs into the store. */
export async function takeBundle(context: EngineContext): Promise<string> {
  const { paths, plan, id, now } = context
  const files = planFiles(paths, id)
  const policy = await takePolicy(paths, await handedPolicies(paths, id), context.site.trust.sha512)
  const directory = join(paths.incoming, plan.release.digest)
  const memories = [plan.floors, (await readState(paths))?.floors ?? {}, await readMemory(paths)]
  const act = plan.kind === 'upgrade' ? 'upgrade' : 'install'
  const bundle = await verifyBundle(directory, {
    policy,
    act,
    now: now(),
    // What was reviewed is what was approved: the plan this engine runs, and the site.yaml it came with.
    approving: { siteDigest: plan.site.sha512, planDigest: planDigest(plan) },
    ...circumstancesOf(memories),
    onProgress: (progress) => context.progress({ ...progress, note: 'verifying' }),
  })
  assertPlanned(bundle, plan.release.digest)
  const { bytes } = await readStatementBytes(directory)
  if (sha512(bytes) !== bundle.digest) throw fault('E_STATE', `${directory} changed while it was read`)
  // From here on this sequence names this content on this host, whatever becomes of the plan.
  await raiseMemory(paths, seen(plan.release, false))
  const imported = await importBlobs(bundle, context.store, { onProgress: (progress) => context.progress({ ...progress, note: 'taking in' }) })
  await writeDurably(files.bundle, bytes)
  await keepManifest(paths, bundle.digest, directory)
  const signers = bundle.signers.map(({ person, keyId }) => `${person} ${keyId}`)
  const approvals = bundle.approvals.flatMap((one) => one.signers.map(({ person, keyId }) => `${person} ${keyId} ${one.id}`))
  const release = `${plan.release.name} ${plan.release.version}`
  await recordCustody(
    paths,
    { event: 'imported', bundle: release, sequence: plan.release.sequence, digest: bundle.digest, plan: id, attempt: context.attempt, signers, ...(approvals.length > 0 ? { approvals } : {}), policy: policy.digest },
    now,
  )
  await rm(directory, { recursive: true, force: true })
  return `${imported.copied} blobs taken in, ${imported.kept} were there; signed by ${signers.join(', ')}`
}

function assertPlanned(bundle: Bundle, digest: string): void {
  if (bundle.digest !== digest)
    throw fault('E_PLAN_STALE', 'the bundle on the depot is not the one of the plan', { expected: digest, found: bundle.digest })
}

/** The statement that this plan's import verified, read again by its digest. */
export async function importedStatement(context: EngineContext): Promise<{ statement: Statement; bytes: Buffer }> {
  const path = planFiles(context.paths, context.id).bundle
  return statementAt(path, context.plan.release.digest)
}

/** A statement that was verified before, by the digest it had then. Throws E_STATE when the file changed since. */
export async function statementAt(path: string, digest: string): Promise<{ statement: Statement; bytes: Buffer }> {
  const bytes = await readFile(path)
  const found = sha512(bytes)
  if (found !== digest) throw fault('E_STATE', `${path} is not what was verified`, { expected: `sha512 ${digest}`, found: `sha512 ${found}` })
  return { statement: parseStatement(bytes), bytes }
}
