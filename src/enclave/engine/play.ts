import { join } from 'node:path'
import type { Statement } from '../../bundle/statement.ts'
import { playbook } from '../converge/playbook.ts'
import { statementAt } from '../depot/import.ts'
import type { Release } from '../depot/state.ts'
import { releaseId } from '../paths.ts'
import { planFiles, type EngineContext } from './context.ts'
import { authorised, awayHosts, closeShared, othersOf, sharedConnections } from './hosts.ts'
import { readJournal, standingOf, type Phase } from './journal.ts'

export type Playbook = 'site' | 'health' | 'backup' | 'restore' | 'drain'

export async function releaseOf(context: EngineContext, release: Release): Promise<{ folder: string; statement: Statement }> {
  const folder = join(context.paths.releases, releaseId(release))
  return { folder, statement: (await statementAt(join(folder, 'bundle.json'), release.digest)).statement }
}

/** Whether this attempt began to change services: from then on a host that is away may hold half of the new release. */
export async function convergeStarted(context: EngineContext): Promise<boolean> {
  const { started } = standingOf(await readJournal(planFiles(context.paths, context.id).journal))
  return started.has('do:converge') || started.has('do:restore')
}

/**
 * Runs a playbook of a release on every host. While the release before is put back, hosts that do not answer are left
 * out and named; a failure is then only said, not counted, as long as nothing had been changed on them.
 */
export async function play(context: EngineContext, phase: Phase, release: Release, name: Playbook, backup: string): Promise<string> {
  const { folder, statement } = await releaseOf(context, release)
  const iac = statement.iac.find((one) => one.kind === 'ansible')
  if (!iac) return `${release.name} ${release.version} carries no Ansible`
  const files = planFiles(context.paths, context.id)
  const several = othersOf(context.site).length > 0
  const config = several ? await authorised(context) : undefined
  const away = several && phase === 'undo' ? (await awayHosts(context)).map(({ host }) => host.name) : []
  let done = 0
  const run = playbook(
    { site: context.site, release, statement, backupId: backup, files: context.files },
    {
      tree: join(folder, 'iac', iac.name),
      playbook: name,
      folder: files.folder,
      log: files.log(name === 'site' ? 'converge' : name),
      ...(config === undefined ? {} : { ssh: { config, options: sharedConnections(context) } }),
      ...(away.length === 0 ? {} : { limit: context.site.hosts.map((host) => host.name).filter((host) => !away.includes(host)) }),
      onTask: (task) => context.progress({ done: (done += 1), unit: 'items', note: task }),
    },
    name === 'health' ? 'E_HEALTH' : 'E_CONVERGE',
  ).finally(() => (several ? closeShared(context) : undefined))
  if (away.length === 0) return run
  const left = `without ${away.join(', ')}, which did not answer`
  try {
    return `${await run}; ${left}`
  } catch (error) {
    if (await convergeStarted(context)) throw error
    return `${left}; what needs them does not run until they are back: ${(error as Error).message}`
  }
}
