import type { Statement } from '../../bundle/statement.ts'
import { fault } from '../codes.ts'
import type { DepotState, Release } from '../depot/state.ts'
import type { Floors } from '../floor/floors.ts'
import { releaseId } from '../paths.ts'
import { depotOf, type Role, type Site } from '../site/site.ts'
import type { Plan, StepId } from './plan.ts'
import { stepsFor } from './steps.ts'

export interface PlanInputs {
  readonly site: Site
  /** sha512 of the bytes of site.yaml. */
  readonly siteDigest: string
  /** sha512 of the trust policy. */
  readonly policy: string
  /** What the station remembers. */
  readonly floors: Floors
  readonly state: DepotState | undefined
  /** nginx is on the depot already. */
  readonly nginx: boolean
  /** sha512 of each public file that site.yaml names. */
  readonly files: Readonly<Record<string, string>>
  /** Names of the secrets that the site hands over. */
  readonly secrets: readonly string[]
}

export interface BundleInputs extends PlanInputs {
  readonly statement: Statement
  /** sha512 of bundle.json. */
  readonly digest: string
  /** Bytes of the whole bundle. */
  readonly bytes: number
}

/** Roles that a release brings services for: those of the site when it carries IaC, none otherwise. */
export function rolesOf(site: Site, statement: { readonly iac: readonly { readonly kind: string }[] }): Role[] {
  if (!statement.iac.some((one) => one.kind === 'ansible')) return []
  return [...new Set(site.hosts.flatMap((host) => host.roles))].filter((role) => role !== 'depot')
}

/** Whether Debian packages can come from the release, and whether its mirrors can be served over TLS. */
export function means(statement: Pick<Statement, 'mirrors' | 'iac'>, nginx: boolean) {
  const apt = statement.mirrors.some((mirror) => mirror.ecosystem === 'apt')
  return { apt, serves: apt || nginx, converges: statement.iac.some((one) => one.kind === 'ansible') }
}

/** The plan that installs a bundle, or upgrades to it. Throws E_CEILING, E_MEND_FIRST, E_WRONG_VERB or E_HOP. */
export function planBundle(verb: 'install' | 'upgrade' | 'any', inputs: BundleInputs): Plan {
  const { site, statement, digest, state } = inputs
  assertCeiling(site, statement)
  const release: Release = {
    kind: statement.kind,
    name: statement.name,
    version: statement.version,
    sequence: statement.sequence,
    digest,
  }
  if (state?.broken && state.running)
    throw fault('E_MEND_FIRST', 'neither release is sure to run on this site', {
      expected: `${state.running.name} ${state.running.version} put back from the backup ${state.broken.backup}`,
      found: 'an upgrade that could be neither finished nor undone',
    })
  const from = state?.running
  const kind = from === undefined || from.digest === digest ? 'install' : 'upgrade'
  if (verb !== 'any' && verb !== kind)
    throw fault('E_WRONG_VERB', `${from ? `${from.name} ${from.version} runs here` : 'nothing runs here'}: this is an ${kind}`, {
      expected: `sallyport ${kind}`,
      found: `sallyport ${verb}`,
      next: `sallyport ${kind} BUNDLE --site DIR`,
    })
  if (kind === 'upgrade' && from) assertHop(from, statement)
  const roles = rolesOf(site, statement)
  const { apt, serves, converges } = means(statement, inputs.nginx)
  const moves = kind === 'upgrade' && converges
  const several = site.hosts.length > 1
  const ids: StepId[] = ['upload-installer', 'upload-bundle', 'certificates']
  if (inputs.secrets.length > 0) ids.push('secrets')
  if (several) ids.push('authorise')
  ids.push('check', 'import', 'stage')
  if (moves) ids.push('drain', 'backup')
  ids.push('switch', 'names')
  if (apt) ids.push('packages')
  if (serves) ids.push('serve')
  if (apt) ids.push('apt-source')
  if (several) ids.push('hosts')
  if (converges) ids.push('converge')
  ids.push('health', 'commit', 'prune')
  const undo: StepId[] = kind === 'install' ? [] : moves ? ['drain', 'switch', 'serve', 'restore', 'converge', 'health'] : ['switch', ...(serves ? ['serve' as const] : []), 'health']
  const context = {
    ...placesOf(inputs),
    domain: site.domain,
    release: releaseId(release),
    from: from && releaseId(from),
    bytes: inputs.bytes,
    roles,
    stretchDays: site.validUntil.stretchDays,
    backupDirectory: site.backup.directory,
  }
  return {
    formatVersion: 1,
    kind,
    site: describeSite(inputs),
    release,
    bytes: inputs.bytes,
    marking: statement.marking.level,
    ...(kind === 'upgrade' && from ? { from } : {}),
    policy: inputs.policy,
    floors: inputs.floors,
    notes: [
      ...(apt && site.validUntil.stretchDays > 0
        ? [`Debian’s indexes are taken up to ${site.validUntil.stretchDays} days after their date: ${site.validUntil.reason}`]
        : []),
      ...(serves ? [] : ['The mirrors are laid out but not served: neither the bundle nor the host has nginx']),
    ],
    steps: stepsFor(ids, context),
    undo: stepsFor(undo, { ...context, release: from ? releaseId(from) : context.release }),
  }
}

/** The plan that goes back one release. The depot's state says to which; the engine checks the rule again. `converging` are the releases that carry Ansible. */
export function planRollback(inputs: PlanInputs, converging: readonly string[]): Plan {
  const { site, state } = inputs
  const running = state?.running
  if (!state || !running) throw fault('E_NOT_INSTALLED', 'nothing runs on this site')
  const back = state.broken ? { release: running, ...state.broken } : state.previous
  if (!back) throw fault('E_ROLLBACK_REFUSED', 'no release before this one is kept', { expected: 'a release replaced by an upgrade', found: 'none' })
  const converges = converging.includes(releaseId(back.release))
  const roles = converges ? rolesOf(site, { iac: [{ kind: 'ansible' }] }) : []
  const context = {
    ...placesOf(inputs),
    domain: site.domain,
    release: releaseId(back.release),
    from: releaseId(running),
    bytes: 0,
    roles,
    stretchDays: site.validUntil.stretchDays,
    backupDirectory: site.backup.directory,
  }
  const data: StepId[] = converges ? ['drain', ...(state.broken ? [] : ['backup' as const])] : []
  const serves: StepId[] = inputs.nginx ? ['serve'] : []
  const authorise: StepId[] = site.hosts.length > 1 ? ['authorise'] : []
  const ids: StepId[] = [...authorise, 'check', ...data, 'switch', ...serves, ...(converges ? (['restore', 'converge'] as const) : []), 'health', 'commit']
  return {
    formatVersion: 1,
    kind: 'rollback',
    site: describeSite(inputs),
    release: back.release,
    bytes: 0,
    marking: site.ceiling,
    ...(state.broken ? {} : { from: running }),
    back,
    policy: inputs.policy,
    floors: inputs.floors,
    notes: [
      `Data goes back to ${back.replacedAt}: what was written since is in the backup made by this plan only`,
      'The floor stays where it is, and the audit log only grows',
    ],
    steps: stepsFor(ids, context).map((step) => ({
      ...step,
      ...(step.id === 'commit' ? { reason: `${context.release} is the running release; the floor stays` } : {}),
      undo: 'none: an interrupted rollback goes on, a failed one is run again',
    })),
    undo: [],
  }
}

function placesOf({ site, secrets }: PlanInputs) {
  const depot = depotOf(site)
  return { depot: depot.name, others: site.hosts.filter((host) => host !== depot).map((host) => host.name), secrets }
}

function describeSite({ site, siteDigest, files }: PlanInputs): Plan['site'] {
  return { name: site.name, domain: site.domain, sha512: siteDigest, ...(Object.keys(files).length > 0 ? { files } : {}) }
}

function assertCeiling(site: Site, { marking }: Statement): void {
  const { levels, policy, version } = site.labels
  const level = levels.indexOf(marking.level)
  if (marking.policy === policy && marking.policyVersion === version && level >= 0 && level <= levels.indexOf(site.ceiling)) return
  throw fault('E_CEILING', 'the bundle is marked above what this site takes', {
    expected: `at most ${site.ceiling} under ${policy} version ${version}`,
    found: `${marking.level} under ${marking.policy} version ${marking.policyVersion}`,
  })
}

function assertHop(from: Release, statement: Statement): void {
  const fits = statement.upgradesFrom.some(
    ({ name, minSequence, maxSequence }) => name === from.name && from.sequence >= minSequence && from.sequence <= maxSequence,
  )
  if (fits) return
  const allowed = statement.upgradesFrom.map((one) => `${one.name} ${one.minSequence} to ${one.maxSequence}`)
  throw fault('E_HOP', `${statement.name} ${statement.version} does not upgrade from ${from.name} ${from.version}`, {
    expected: allowed.join(', ') || 'a site on which nothing runs',
    found: `${from.name} sequence ${from.sequence}`,
  })
}
