import { prune } from '../depot/prune.ts'
import { readState, writeState, type DepotState } from '../depot/state.ts'
import { raise, seen } from '../floor/floors.ts'
import { raiseMemory, recordCustody, type CustodyEntry } from '../floor/memory.ts'
import { releaseId } from '../paths.ts'
import { backupId, type EngineContext } from './context.ts'
import { pruneBackups } from './host.ts'
import type { Outcome } from './journal.ts'
import { pruneOthers, rememberOnOthers } from './other-hosts.ts'

/** The new release becomes the running one, and the floor moves. What never goes back is written first. */
export async function commit(context: EngineContext): Promise<string> {
  const { paths, plan, site, now } = context
  const floors = plan.kind === 'rollback' ? {} : seen(plan.release, true)
  await rememberOnOthers(context)
  await raiseMemory(paths, floors)
  const before = await readState(paths)
  const since = now().toISOString()
  const repeated = before?.running?.digest === plan.release.digest
  const backedUp = plan.steps.some((step) => step.id === 'backup')
  const replaced = plan.kind === 'upgrade' && plan.from ? { release: plan.from, backup: backedUp ? backupId(context) : '', replacedAt: since } : undefined
  // The very release that ran runs again, repaired or mended: what may be gone back to stays.
  const previous = replaced ?? (plan.kind !== 'upgrade' && repeated ? before?.previous : undefined)
  const state: DepotState = {
    formatVersion: 1,
    site: site.name,
    running: plan.release,
    since: repeated && before?.since ? before.since : since,
    ...(previous ? { previous } : {}),
    floors: raise(before?.floors ?? {}, floors),
  }
  // A commit that a power cut interrupted after this line finds itself as the running release.
  if (!(repeated && plan.kind === 'upgrade')) await writeState(paths, state)
  await custody(context, plan.kind === 'rollback' ? 'rolled-back' : 'committed')
  return `${plan.release.name} ${plan.release.version} runs, sequence ${plan.release.sequence}`
}

/** After a failed plan: what runs is what ran, and a break is remembered with the backup that mends it. */
export async function settle(context: EngineContext, outcome: Outcome): Promise<void> {
  const { paths, plan } = context
  const state = await readState(paths)
  if (!state) return
  if (outcome === 'rolled-back') {
    await custody(context, 'rolled-back')
    // Also when the commit itself failed half-way: the release that was put back is the one that runs.
    const running = plan.from ?? state.running
    const { broken: _mended, ...rest } = state
    const previous = state.previous?.release.digest === running?.digest ? undefined : state.previous
    const { previous: _replaced, ...others } = rest
    await writeState(paths, { ...others, ...(running ? { running } : {}), ...(previous ? { previous } : {}) })
  }
  if (outcome === 'broken' && !state.broken && state.running) {
    const backup = plan.kind === 'rollback' ? (plan.back?.backup ?? '') : backupId(context)
    const running = plan.kind === 'rollback' ? plan.release : state.running
    await writeState(paths, { ...state, running, broken: { backup, replacedAt: context.now().toISOString() } })
  }
}

/** Keeps the running release, the one that may be gone back to, and the newest backups; their blobs stay pinned. */
export async function pruneAll(context: EngineContext): Promise<void> {
  const { paths, store, site } = context
  const state = await readState(paths)
  const releases = [state?.running, state?.previous?.release].filter((one) => one !== undefined)
  await prune(paths, store, new Set(releases.map(releaseId)))
  const stays = state?.previous?.backup
  await pruneBackups({ directory: site.backup.directory, keep: site.backup.keep, ...(stays ? { stays } : {}) })
  await pruneOthers(context)
}

async function custody(context: EngineContext, event: CustodyEntry['event']): Promise<void> {
  const { plan, id, attempt } = context
  const release = event === 'rolled-back' && plan.kind === 'upgrade' ? (plan.from ?? plan.release) : plan.release
  await recordCustody(
    context.paths,
    {
      event,
      bundle: `${release.name} ${release.version}`,
      sequence: release.sequence,
      digest: release.digest,
      plan: id,
      attempt,
      signers: [],
      policy: plan.policy,
    },
    context.now,
  )
}
