import { fault } from '../codes.ts'
import { takePolicy } from '../depot/import.ts'
import { readState } from '../depot/state.ts'
import { raise } from '../floor/floors.ts'
import { readMemory } from '../floor/memory.ts'
import { assertMayGoBack } from '../rollback/rule.ts'
import { missingParts } from './backup-places.ts'
import { handedPolicies, type EngineContext } from './context.ts'
import { assertThere } from './hosts.ts'

/** Before anything is changed: the plan fits what runs, and what it does is allowed by what this host remembers. */
export async function check(context: EngineContext): Promise<void> {
  const { paths, plan, id, site, now } = context
  const state = await readState(paths)
  const running = state?.running?.digest
  const expected = plan.kind === 'upgrade' ? plan.from?.digest : plan.kind === 'rollback' ? (plan.from ?? plan.release).digest : (running && plan.release.digest)
  if (running !== expected)
    throw fault('E_PLAN_STALE', 'what runs on the depot is not what the plan starts from', {
      expected: expected ?? 'nothing',
      found: running ?? 'nothing',
    })
  const policy = await takePolicy(paths, await handedPolicies(paths, id), site.trust.sha512)
  await assertThere(context)
  if (plan.kind === 'rollback' && state)
    await assertMayGoBack(paths, plan, {
      state,
      memory: raise(raise(state.floors, await readMemory(paths)), plan.floors),
      policy,
      now: now(),
      missingParts: (backup) => missingParts(context, backup),
    })
}
