import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { installPackages, trustDepot, update, useSource } from '../depot/apt.ts'
import { switchCurrent } from '../depot/current.ts'
import { importedStatement, takeBundle } from '../depot/import.ts'
import { layOutRelease } from '../depot/layout-release.ts'
import { writeNames } from '../depot/names.ts'
import { askDepot, holdNginx, serve } from '../depot/serve.ts'
import type { Release } from '../depot/state.ts'
import { DEPOT_PORT, releaseId } from '../paths.ts'
import type { StepId } from '../plan/plan.ts'
import { namesOn } from '../site/services.ts'
import { depotOf } from '../site/site.ts'
import { backupId, planFiles, type EngineContext } from './context.ts'
import { check } from './check.ts'
import { commit, pruneAll } from './commit.ts'
import { recordPlaces } from './backup-places.ts'
import { assertThere, othersOf } from './hosts.ts'
import type { Phase } from './journal.ts'
import { prepareOthers } from './other-hosts.ts'
import { convergeStarted, play, releaseOf } from './play.ts'
import type { Action } from './run.ts'

/** What each step of a plan does. A step that only exists at the station has no action here. */
export const ACTIONS: Readonly<Partial<Record<StepId, Action>>> = {
  check,
  import: takeBundle,
  stage: async (context) => {
    const { statement, bytes } = await importedStatement(context)
    await layOutRelease(context.paths, context.store, statement, bytes, context.plan.release.digest, context.progress)
  },
  drain: async (context, phase) => play(context, phase, leaving(context), 'drain', backupId(context)),
  backup: async (context, phase) => {
    const note = await play(context, phase, leaving(context), 'backup', backupId(context))
    await recordPlaces(context, backupId(context))
    return note
  },
  switch: async (context, phase) => switchCurrent(context.paths, releaseId(entering(context, phase))),
  names: async ({ paths, site }) => writeNames(paths, namesOn(site, depotOf(site))),
  packages: async (context) => {
    const { paths, site } = context
    const log = planFiles(paths, context.id).log('packages')
    const { statement, folder } = await releaseOf(context, context.plan.release)
    await useSource(paths, folder, `file:${paths.current}/apt`, site.validUntil.stretchDays)
    let lines = 0
    const onLine = (line: string): void => context.progress({ done: (lines += 1), unit: 'items', note: line.slice(0, 80) })
    await update(log, onLine)
    const converges = statement.iac.some((one) => one.kind === 'ansible')
    await holdNginx(paths)
    // Debian's sshd brings it along; a partial mirror may not have it.
    const remote = othersOf(site).length > 0 && !(await stat('/usr/bin/ssh').catch(() => undefined)) ? ['openssh-client'] : []
    await installPackages(['nginx', 'ca-certificates', ...(converges ? ['ansible-core', 'ansible-mitogen', 'python3-apt'] : []), ...remote], log, onLine)
  },
  serve: async ({ paths, site, id }) => serve(paths, site.domain, depotOf(site).address, planFiles(paths, id).log('serve')),
  'apt-source': async ({ paths, site, id, plan }) => {
    const log = planFiles(paths, id).log('packages')
    await trustDepot(paths, site.domain, log)
    const folder = join(paths.releases, releaseId(plan.release))
    await useSource(paths, folder, `https://depot.${site.domain}:${DEPOT_PORT}/apt`, site.validUntil.stretchDays)
    await update(log)
  },
  hosts: prepareOthers,
  converge: async (context, phase) => play(context, phase, entering(context, phase), 'site', backupOf(context)),
  restore: async (context, phase) => {
    if (phase === 'undo' && !(await convergeStarted(context))) return 'nothing had been changed'
    return play(context, phase, entering(context, phase), 'restore', backupOf(context))
  },
  health,
  commit,
  prune: pruneAll,
}

/** The release that runs after this phase. */
function entering({ plan }: EngineContext, phase: Phase): Release {
  return phase === 'undo' ? (plan.from as Release) : plan.release
}

/** The release that ran when the plan was made. After a break it is the very one that is put back. */
function leaving({ plan }: EngineContext): Release {
  return plan.from ?? plan.release
}

/** The backup that a restore takes: of a rollback the one made when the release was replaced, else this plan's own. */
function backupOf(context: EngineContext): string {
  return context.plan.back?.backup ?? backupId(context)
}

async function health(context: EngineContext, phase: Phase): Promise<string> {
  const { paths, site } = context
  const release = entering(context, phase)
  const { statement } = await releaseOf(context, release)
  const asked: string[] = []
  if (await served(context)) {
    const paths_ = ['/v2/', ...statement.images.map((image) => `/v2/${image.name}/manifests/sha256:${image.manifest.sha256}`)]
    for (const path of paths_) await askDepot(paths, site.domain, depotOf(site).address, path)
    asked.push(`the depot answered for ${statement.images.length} image(s)`)
  }
  const checks = statement.iac.some((one) => one.kind === 'ansible')
  if (checks) asked.push(`services: ${await play(context, phase, release, 'health', backupOf(context))}`)
  if (phase === 'undo' && (await convergeStarted(context))) await assertThere(context)
  return asked.join('; ') || 'the release is laid out; nothing is served or run'
}

/** Whether this plan, or one before it, put nginx in front of the mirrors. */
async function served({ plan }: EngineContext): Promise<boolean> {
  return [...plan.steps, ...plan.undo].some((step) => step.id === 'serve')
}
