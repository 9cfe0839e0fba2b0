import { join } from 'node:path'
import type { Policy } from '../../bundle/policy.ts'
import { judgeManifest } from '../../bundle/verify.ts'
import { fault } from '../codes.ts'
import { statementAt } from '../depot/import.ts'
import type { DepotState } from '../depot/state.ts'
import { floorKey, type Floors } from '../floor/floors.ts'
import type { HostPaths } from '../paths.ts'
import type { Plan } from '../plan/plan.ts'

export interface RollbackFacts {
  readonly state: DepotState
  readonly memory: Floors
  readonly policy: Policy
  readonly now: Date
  /** What is missing of a backup, one line each. */
  readonly missingParts: (backup: string) => Promise<readonly string[]>
}

/**
 * The rule for going back (docs/adr/0022): only to the release that ran directly before, with the digest recorded when it
 * was replaced; only while the depot is not itself an old copy (the host remembers no sequence above the running one);
 * only while the policy in force still allows it (its floor, revocations and thresholds); only with its backup. After a
 * broken upgrade, the release that ran is put back by the same rule. The floor does not move.
 */
export async function assertMayGoBack(paths: HostPaths, plan: Plan, facts: RollbackFacts): Promise<void> {
  const { state, memory, policy, now } = facts
  const target = state.broken && state.running ? { release: state.running, ...state.broken } : state.previous
  const refuse = (faults: readonly string[]): never => {
    throw fault('E_ROLLBACK_REFUSED', `the site cannot go back to ${plan.release.name} ${plan.release.version}`, { faults })
  }
  if (!target || target.release.digest !== plan.release.digest || target.backup !== plan.back?.backup)
    return refuse(['the depot does not record it as the release that ran directly before'])
  const faults: string[] = []
  const running = state.running as NonNullable<DepotState['running']>
  const highest = memory[floorKey(running)]?.sequence ?? 0
  if (!state.broken && highest > running.sequence)
    faults.push(`this host remembers sequence ${highest}, the depot says ${running.sequence} runs: the depot is an old copy, or went back already`)
  const kept = join(paths.manifests, plan.release.digest)
  await statementAt(join(kept, 'bundle.json'), plan.release.digest)
  for (const reason of await judgeManifest(kept, policy, { act: 'upgrade', now, approving: 'past' }))
    faults.push(`${reason.code}: ${reason.text}${reason.expected ? ` (expected ${reason.expected}, found ${reason.found})` : ''}`)
  const restores = plan.steps.some((step) => step.id === 'restore')
  if (restores) faults.push(...(await facts.missingParts(target.backup)))
  if (faults.length > 0) refuse(faults)
}
