import { rename, writeFile } from 'node:fs/promises'
import type { Progress } from '../../bundle/fault.ts'
import { ContentStore } from '../../bundle/store.ts'
import type { HostPaths } from '../paths.ts'
import type { Step, StepId } from '../plan/plan.ts'
import { planFiles, readPlanFolder, type EngineContext } from './context.ts'
import { faultRecord, readJournal, record, standingOf, type Outcome, type Phase } from './journal.ts'

const PROGRESS_EVERY_MS = 300

/** Does one step; may be repeated after any interruption. The note is shown to the operator. */
export type Action = (context: EngineContext, phase: Phase) => Promise<string | void>

export interface Engine {
  readonly actions: Readonly<Partial<Record<StepId, Action>>>
  /** Called before the last entry: state and custody after a rollback or a break. */
  readonly settle: (context: EngineContext, outcome: Outcome) => Promise<void>
  readonly now: () => Date
}

/** From here on users notice: a failure puts the release before back. */
const MOVING: readonly StepId[] = ['drain', 'backup', 'switch', 'names', 'packages', 'serve', 'apt-source', 'hosts', 'converge', 'restore', 'health', 'commit']

/**
 * Runs a plan, or goes on with it: steps that the journal calls done are not done again within one attempt. Each state
 * change is durable in the journal before the next step starts.
 */
export async function runPlan(paths: HostPaths, id: string, engine: Engine): Promise<Outcome> {
  const files = planFiles(paths, id)
  const handed = await readPlanFolder(paths, id)
  const { plan } = handed
  const first = standingOf(await readJournal(files.journal))
  if (first.outcome) return first.outcome
  const context: EngineContext = {
    paths,
    id,
    ...handed,
    store: new ContentStore(paths.store),
    attempt: first.attempt,
    now: engine.now,
    progress: progressWriter(files.progress),
  }
  const steps = plan.steps.filter((step) => step.where === 'depot')
  const failedAt = first.failures.find((one) => one.phase === 'do')?.step ?? (await runSteps(context, engine, steps, 'do'))
  const outcome = await conclude(context, engine, failedAt)
  await engine.settle(context, outcome)
  await record(files.journal, { event: 'finished', outcome }, engine.now)
  return outcome
}

async function conclude(context: EngineContext, engine: Engine, failedAt: StepId | undefined): Promise<Outcome> {
  if (failedAt === undefined || failedAt === 'prune') return 'committed'
  if (!MOVING.includes(failedAt)) return 'failed'
  const { kind, undo } = context.plan
  if (kind === 'install') return 'failed'
  if (undo.length === 0) return 'broken'
  const failures = standingOf(await readJournal(planFiles(context.paths, context.id).journal)).failures
  if (failures.some((one) => one.phase === 'undo')) return 'broken'
  return (await runSteps(context, engine, undo, 'undo')) === undefined ? 'rolled-back' : 'broken'
}

/** Answers the step that failed, or undefined. */
async function runSteps(context: EngineContext, engine: Engine, steps: readonly Step[], phase: Phase): Promise<StepId | undefined> {
  const { journal } = planFiles(context.paths, context.id)
  const { done } = standingOf(await readJournal(journal))
  for (const { id: step } of steps) {
    if (done.has(`${phase}:${step}`)) continue
    await record(journal, { event: 'started', phase, step }, engine.now)
    try {
      const action = engine.actions[step]
      if (!action) throw new Error(`the engine knows no action for the step ${step}`)
      const note = await action(context, phase)
      await record(journal, { event: 'done', phase, step, ...(note ? { note } : {}) }, engine.now)
    } catch (error) {
      await record(journal, { event: 'failed', phase, step, fault: faultRecord(error) }, engine.now)
      return step
    }
  }
  return undefined
}

function progressWriter(path: string): (progress: Progress) => void {
  let last = 0
  let writing = Promise.resolve()
  return (progress) => {
    const now = performance.now()
    if (now - last < PROGRESS_EVERY_MS) return
    last = now
    const temporary = `${path}.part`
    writing = writing
      .then(() => writeFile(temporary, JSON.stringify(progress)))
      .then(() => rename(temporary, path))
      .catch(() => {})
  }
}
