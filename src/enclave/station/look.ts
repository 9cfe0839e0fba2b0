import type { Bundle } from '../../bundle/bundle.ts'
import { sha512 } from '../../bundle/digest.ts'
import { refuse } from '../../bundle/reasons.ts'
import { judgeManifest, openBundle, verifyBundle } from '../../bundle/verify.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import { LAYOUT } from '../../bundle/layout.ts'
import { fault } from '../codes.ts'
import { circumstancesOf, raise, type Floors } from '../floor/floors.ts'
import { hostPaths } from '../paths.ts'
import { planDigest, planId } from '../plan/plan.ts'
import { planBundle, planRollback, rolesOf, type PlanInputs } from '../plan/make.ts'
import type { Plan } from '../plan/plan.ts'
import { assertReady, clockFaults, preflightFaults } from '../preflight/checks.ts'
import { factsScript, parseFacts, type Facts } from '../preflight/facts.ts'
import type { Connection } from '../remote/connection.ts'
import type { Ways } from './session.ts'
import type { SiteFiles } from './site-files.ts'

/** What a host says of itself now. */
export async function lookAt(connection: Connection): Promise<Facts> {
  const output = await connection.must('sh -s', { input: factsScript(hostPaths()) })
  return parseFacts(output, connection.host.name)
}

/** What every other host says of itself, by its name. */
export async function lookAtOthers(ways: Ways): Promise<ReadonlyMap<string, Facts>> {
  const connections = await ways.others()
  try {
    return new Map(await Promise.all(connections.map(async (connection) => [connection.host.name, await lookAt(connection)] as const)))
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** The hosts of a site as they were looked at. */
export interface SiteFacts {
  readonly depot: Facts
  readonly others: ReadonlyMap<string, Facts>
}

/** Bytes of a bundle on its medium; without approvals, which name the plan that names these bytes. */
function bytesOf(bundle: Bundle): number {
  const files = [...bundle.listing.files].filter(([path]) => !path.startsWith(`${LAYOUT.approvals}/`))
  return files.reduce((sum, [, size]) => sum + size, 0)
}

export interface Planned {
  readonly plan: Plan
  readonly bundle: Bundle
}

/**
 * Judges a bundle against the policy and every memory of the floor, checks the host, and makes the plan; nothing is
 * changed. Accreditors are not asked yet: they approve the plan. `whole` also reads every byte of the bundle.
 */
export async function planFor(
  directory: string,
  verb: 'install' | 'upgrade' | 'any',
  files: SiteFiles,
  facts: SiteFacts,
  options: { now: Date; whole?: boolean; onProgress?: OnProgress },
): Promise<Planned> {
  const { site } = files
  const act = facts.depot.state?.running ? 'upgrade' : 'install'
  const verify = {
    policy: files.policy,
    act,
    now: options.now,
    approving: 'later',
    ...circumstancesOf([remembered(files, facts), facts.depot.floors, facts.depot.state?.floors ?? {}]),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  } as const
  const bundle = options.whole ? await verifyBundle(directory, verify) : await openBundle(directory, verify)
  const bytes = bytesOf(bundle)
  const plan = planBundle(verb, { ...inputsOf(files, facts), statement: bundle.statement, digest: bundle.digest, bytes })
  const subject = { statement: bundle.statement, bundleBytes: bytes, roles: rolesOf(site, bundle.statement) }
  const faults = site.hosts.flatMap((host) => preflightFaults(host, facts.others.get(host.name) ?? facts.depot, subject))
  faults.push(...clockFaults(site, facts))
  if (!bundle.statement.installer) faults.push('the bundle carries no installer for the depot')
  assertReady(faults)
  return { plan, bundle }
}

/** Throws unless as many accreditors as the policy asks for approved this bundle for this plan. */
export async function assertApproved({ plan, bundle }: Planned, { policy, digest }: SiteFiles, now: Date, apart?: string): Promise<void> {
  const act = plan.kind === 'upgrade' ? 'upgrade' : 'install'
  const approving = { siteDigest: digest, planDigest: planDigest(plan) }
  refuse(`plan ${planId(plan)} of the bundle ${bundle.directory}`, await judgeManifest(bundle.directory, policy, { act, now, approving }, apart))
}

export function planBack(files: SiteFiles, facts: SiteFacts): Plan {
  return planRollback(inputsOf(files, facts), facts.depot.converging)
}

/** What the station and every host but the depot remember: the plan carries it to the engine, which knows the depot's own. */
function remembered({ record }: SiteFiles, { others }: SiteFacts): Floors {
  return [...others.values()].map((facts) => facts.floors).reduce(raise, record)
}

function inputsOf(files: SiteFiles, facts: SiteFacts): PlanInputs {
  return {
    site: files.site,
    siteDigest: files.digest,
    policy: files.policy.digest,
    floors: remembered(files, facts),
    state: facts.depot.state,
    nginx: facts.depot.nginx,
    files: Object.fromEntries(Object.entries(files.named).map(([name, text]) => [name, sha512(Buffer.from(text))])),
    secrets: files.secrets.map((secret) => secret.name),
  }
}

/** Throws E_ENGINE_BUSY when the depot works on another plan than the one asked for. */
export function assertIdle(facts: Facts, same: boolean, wanted: string): void {
  if (!same && facts.active !== undefined)
    throw fault('E_ENGINE_BUSY', `the depot works on plan ${facts.active}`, { expected: `nothing, or the ${wanted} asked for`, found: facts.active })
}
