import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { prune } from '../depot/prune.ts'
import { readState, writeState, type DepotState } from '../depot/state.ts'
import { raise, seen } from '../floor/floors.ts'
import { raiseMemory, recordCustody, type CustodyEntry } from '../floor/memory.ts'
import { releaseId } from '../paths.ts'
import { backupId, type EngineContext } from './context.ts'
import type { Outcome } from './journal.ts'

/** The new release becomes the running one, and the floor moves. What never goes back is written first. */
export async function commit(context: EngineContext): Promise<string> {
  const { paths, plan, site, now } = context
  const floors = plan.kind === 'rollback' ? {} : seen(plan.release, true)
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
  const backups = await readdir(site.backup.directory, { withFileTypes: true }).catch(() => [])
  const ours = backups.filter((entry) => entry.isDirectory() && /^[0-9a-f]{24}-\d+$/.test(entry.name) && entry.name !== state?.previous?.backup)
  const aged = await Promise.all(
    ours.map(async ({ name }) => ({ name, at: (await stat(join(site.backup.directory, name))).mtimeMs })),
  )
  for (const { name } of aged.toSorted((a, b) => b.at - a.at).slice(site.backup.keep))
    await rm(join(site.backup.directory, name), { recursive: true, force: true })
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
