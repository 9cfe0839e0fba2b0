import assert from 'node:assert/strict'
import { hostNamed, labRun, type Lab } from '../../../src/lab/lab.ts'

/** Tasks of the last convergence that changed something, with their hosts, from the engine's log on the depot. */
const CHANGED = `awk '/^TASK/ { task = $0 } /^changed:/ { print task, $0 }' "$(ls -t /var/lib/sallyport/journal/*/converge.log | head -1)"`

/** `converged` is what the step "Converge" said of a run that should have found everything as it is; otherwise the tasks are named. */
export async function assertUnchanged(lab: Lab, depot: string, converged: string): Promise<void> {
  if (/changed 0 of \d+ tasks/.test(converged)) return
  const { stdout, stderr } = await labRun(lab, hostNamed(lab, depot), CHANGED)
  assert.fail(`${converged}\n${stdout}${stderr}`)
}
