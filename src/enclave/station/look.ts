import type { Bundle } from '../../bundle/bundle.ts'
import { openBundle, verifyBundle } from '../../bundle/verify.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { circumstancesOf } from '../floor/floors.ts'
import { hostPaths } from '../paths.ts'
import { planBundle, planRollback, rolesOf, type PlanInputs } from '../plan/make.ts'
import type { Plan } from '../plan/plan.ts'
import { assertReady, preflightFaults } from '../preflight/checks.ts'
import { factsScript, parseFacts, type Facts } from '../preflight/facts.ts'
import type { Connection } from '../remote/connection.ts'
import type { SiteFiles } from './site-files.ts'

/** What the depot host says of itself now. */
export async function lookAt(connection: Connection): Promise<Facts> {
  const output = await connection.must('sh -s', { input: factsScript(hostPaths()) })
  return parseFacts(output, connection.host.name)
}

/** Bytes of a bundle on its medium. */
export function bytesOf(bundle: Bundle): number {
  return [...bundle.listing.files.values()].reduce((sum, size) => sum + size, 0)
}

export interface Planned {
  readonly plan: Plan
  readonly bundle: Bundle
  readonly facts: Facts
}

/**
 * Judges a bundle against the policy and every memory of the floor, checks the host, and makes the plan; nothing is
 * changed. `whole` also reads every byte of the bundle.
 */
export async function planFor(
  directory: string,
  verb: 'install' | 'upgrade' | 'any',
  files: SiteFiles,
  facts: Facts,
  options: { now: Date; whole?: boolean; onProgress?: OnProgress },
): Promise<Planned> {
  const { site } = files
  const act = facts.state?.running ? 'upgrade' : 'install'
  const verify = {
    policy: files.policy,
    act,
    now: options.now,
    ...circumstancesOf([files.record, facts.floors, facts.state?.floors ?? {}]),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  } as const
  const bundle = options.whole ? await verifyBundle(directory, verify) : await openBundle(directory, verify)
  const bytes = bytesOf(bundle)
  const plan = planBundle(verb, { ...inputsOf(files, facts), statement: bundle.statement, digest: bundle.digest, bytes })
  const subject = { statement: bundle.statement, bundleBytes: bytes, roles: rolesOf(site, bundle.statement) }
  const faults = site.hosts.flatMap((host) => preflightFaults(site, host, facts, subject))
  if (!bundle.statement.installer) faults.push('the bundle carries no installer for the depot')
  assertReady(faults)
  return { plan, bundle, facts }
}

export function planBack(files: SiteFiles, facts: Facts): Plan {
  return planRollback(inputsOf(files, facts), facts.converging)
}

function inputsOf(files: SiteFiles, facts: Facts): PlanInputs {
  return {
    site: files.site,
    siteDigest: files.digest,
    policy: files.policy.digest,
    floors: files.record,
    state: facts.state,
    nginx: facts.nginx,
  }
}

/** Throws E_ENGINE_BUSY when the depot works on another plan than the one asked for. */
export function assertIdle(facts: Facts, same: boolean, wanted: string): void {
  if (!same && facts.active !== undefined)
    throw fault('E_ENGINE_BUSY', `the depot works on plan ${facts.active}`, { expected: `nothing, or the ${wanted} asked for`, found: facts.active })
}
