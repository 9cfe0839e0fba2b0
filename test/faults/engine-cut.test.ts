import assert from 'node:assert/strict'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fault } from '../../src/enclave/codes.ts'
import { readJournal, record, standingOf, type Outcome, type Phase } from '../../src/enclave/engine/journal.ts'
import { runPlan, type Action, type Engine } from '../../src/enclave/engine/run.ts'
import { planBundle } from '../../src/enclave/plan/make.ts'
import type { Plan, StepId } from '../../src/enclave/plan/plan.ts'
import { FIELDS, NOW, temporary } from '../unit/bundle-fixture.ts'
import { planFolder, siteOf } from '../unit/enclave-fixture.ts'

const now = (): Date => NOW
const RUNNING = { kind: 'release', name: 'hello', version: '0.9.0', sequence: 90, digest: 'd'.repeat(128) }

function planOf(siteDigest: string, running: typeof RUNNING | undefined): Plan {
  return planBundle('any', {
    site: siteOf(),
    siteDigest,
    policy: 'p',
    floors: {},
    state: running && { formatVersion: 1, site: 'demo', running, floors: {} },
    nginx: false, files: {}, secrets: [],
    statement: {
      ...FIELDS,
      mirrors: [{ name: 'debian', ecosystem: 'apt', tree: { sha256: '', sha512: '', size: 0 } }],
      iac: [{ name: 'ansible', kind: 'ansible', tree: { sha256: '', sha512: '', size: 0 } }],
    } as never,
    digest: 'e'.repeat(128),
    bytes: 1000,
  })
}

/** A power cut: nothing after it happens in this process. */
class Cut extends Error {}

/** A host on which each step leaves a line in a file, can fail, and can be cut before or after its work. */
async function hostFor(t: TestContext, running: typeof RUNNING | undefined) {
  const root = await temporary(t)
  const host = await planFolder(root, (digest) => planOf(digest, running))
  const trace = join(root, 'trace')
  await record(host.files.journal, { event: 'attempt', attempt: 1 }, now)
  const steps = [...host.plan.steps, ...host.plan.undo]
  const engine = (act: (key: string) => void): Engine => {
    const action =
      (step: StepId): Action =>
      async (_context, phase: Phase) => {
        act(`before ${phase}:${step}`)
        await appendFile(trace, `${phase}:${step}\n`)
        act(`after ${phase}:${step}`)
      }
    return { actions: Object.fromEntries(steps.map(({ id }) => [id, action(id)])), settle: async () => {}, now }
  }
  const traced = async (): Promise<string[]> => (await readFile(trace, 'utf8')).trim().split('\n')
  return { ...host, engine, traced }
}

test('a plan cut at any point goes on there: every step is done, in order, none that the journal has twice', async (t) => {
  const { plan } = await hostFor(t, RUNNING)
  const ids = plan.steps.filter((step) => step.where === 'depot').map((step) => `do:${step.id}`)
  // After the work and before the journal says so is the worst moment; before the work is the same for every step.
  for (const [moment, cuts] of [['before', ids.slice(0, 1)], ['after', ids]] as const)
    for (const cutAt of cuts) {
      const host = await hostFor(t, RUNNING)
      const first = host.engine((key) => {
        if (key === `${moment} ${cutAt}`) throw new Cut(key)
      })
      // A cut leaves no word in the journal: only what was written before it is there for the next process.
      const actions = Object.fromEntries(
        Object.entries(first.actions).map(([id, action]): [string, Action] => [
          id,
          (context, phase) => action(context, phase).catch((error: unknown) => (error instanceof Cut ? new Promise<never>(() => {}) : Promise.reject(error))),
        ]),
      )
      const cut = runPlan(host.paths, host.id, { ...first, actions })
      await Promise.race([cut, waitFor(host.files.journal, cutAt)])
      assert.equal(await runPlan(host.paths, host.id, host.engine(() => {})), 'committed')
      const traced = await host.traced()
      assert.deepEqual([...new Set(traced)], ids)
      assert.ok(traced.length <= ids.length + 1, `${traced.length} steps for ${ids.length}`)
    }
})

async function waitFor(journal: string, started: string): Promise<void> {
  while (!standingOf(await readJournal(journal)).started.has(started)) await new Promise((resolve) => setTimeout(resolve, 1))
  await new Promise((resolve) => setTimeout(resolve, 5))
}

function failing(...steps: string[]) {
  return (key: string): void => {
    if (steps.includes(key)) throw fault('E_HEALTH', `${key} failed`)
  }
}

const CASES: readonly { readonly what: string; readonly running: typeof RUNNING | undefined; readonly fail: readonly string[]; readonly outcome: Outcome }[] = [
  { what: 'a first install that fails has nothing to go back to', running: undefined, fail: ['after do:converge'], outcome: 'failed' },
  { what: 'a bundle that is refused changes nothing', running: RUNNING, fail: ['before do:import'], outcome: 'failed' },
  { what: 'a failed drain puts the old release back', running: RUNNING, fail: ['after do:drain'], outcome: 'rolled-back' },
  { what: 'a failed gate puts the old release back', running: RUNNING, fail: ['after do:health'], outcome: 'rolled-back' },
  { what: 'when going back fails too, a person is needed', running: RUNNING, fail: ['after do:health', 'before undo:restore'], outcome: 'broken' },
  { what: 'clearing up is no reason to go back', running: RUNNING, fail: ['after do:prune'], outcome: 'committed' },
]

for (const { what, running, fail, outcome } of CASES)
  test(what, async (t) => {
    const host = await hostFor(t, running)
    assert.equal(await runPlan(host.paths, host.id, host.engine(failing(...fail))), outcome)
    const standing = standingOf(await readJournal(host.files.journal))
    assert.equal(standing.outcome, outcome)
    assert.equal(standing.failures[0]?.fault.code, 'E_HEALTH')
    const traced = await host.traced()
    if (outcome === 'rolled-back') assert.deepEqual(traced.filter((key) => key.startsWith('undo:')), host.plan.undo.map((step) => `undo:${step.id}`))
    assert.equal(traced.includes('do:commit'), fail.includes('after do:prune'))
    assert.equal(await runPlan(host.paths, host.id, host.engine(() => assert.fail('an ended plan does nothing more'))), outcome)
  })

test('going back, cut in the middle, goes on going back', async (t) => {
  const host = await hostFor(t, RUNNING)
  const gone = host.engine(failing('after do:health'))
  const stuck: Engine = {
    ...gone,
    actions: { ...gone.actions, restore: () => new Promise<never>(() => {}) },
  }
  const cut = runPlan(host.paths, host.id, stuck)
  await Promise.race([cut, waitFor(host.files.journal, 'undo:restore')])
  assert.equal(await runPlan(host.paths, host.id, host.engine(failing('after do:health'))), 'rolled-back')
  assert.equal((await host.traced()).filter((key) => key === 'do:converge').length, 1)
})
