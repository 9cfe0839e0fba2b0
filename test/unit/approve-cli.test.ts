/** Countersigning by its command: what an accreditor sees and signs, and k of n persons as `verify` and the station count them. */
import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { openBundle } from '../../src/bundle/verify.ts'
import { newKey, writeKey, type PrivateKey, type Role } from '../../src/bundle/keys.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import type { WrittenBundle } from '../../src/bundle/write.ts'
import { command as approve } from '../../src/cli/approve.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { planBundle } from '../../src/enclave/plan/make.ts'
import { planDigest, serialisePlan, type Plan } from '../../src/enclave/plan/plan.ts'
import { assertApproved } from '../../src/enclave/station/look.ts'
import { approvalsApart } from '../../src/enclave/station/deliver.ts'
import type { SiteFiles } from '../../src/enclave/station/site-files.ts'
import { bundleIn, codesOf, people, policyOf } from './bundle-fixture.ts'
import { runCommand, type Answer } from './cli-run.ts'
import { siteOf } from './enclave-fixture.ts'

const SECRET = 'a long passphrase'
const SITE = '1'.repeat(128)
let cwd: string
let written: WrittenBundle
let plan: Plan
let other: Plan
const policies = new Map<number, Policy>()

before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'approve-cli-'))
  await writeFile(join(cwd, 'secret'), `${SECRET}\n`, { mode: 0o600 })
  const { root, alice } = await people()
  const officers: PrivateKey[] = []
  for (const [name, person, role] of [['olga', 'Olga Officer', 'accreditor'], ['otto', 'Otto Officer', 'accreditor'], ['oona', 'Oona Officer', 'accreditor'], ['olga-too', 'Olga Officer', 'accreditor']] as [string, string, Role][]) {
    const key = await newKey(person, role)
    officers.push(key)
    await writeKey(join(cwd, name), key, SECRET)
  }
  await writeKey(join(cwd, 'alice'), alice, SECRET)
  written = await bundleIn(cwd, [alice])
  for (const count of [1, 2, 3]) {
    const asks = { publisher: 1, accreditor: count }
    const policy = policyOf({ root, keys: [alice, ...officers], thresholds: { import: { publisher: 1 }, install: asks, upgrade: asks } })
    policies.set(count, policy)
    writeFileSync(join(cwd, `${count}.json`), signPolicy(policy.payload, [root]))
  }
  const inputs = { site: siteOf(), siteDigest: SITE, policy: '0'.repeat(128), floors: {}, state: undefined, nginx: false, files: {}, secrets: [], statement: written.statement, digest: written.digest, bytes: 1 }
  plan = planBundle('any', inputs)
  other = planBundle('any', { ...inputs, nginx: true, secrets: ['another'] })
  writeFileSync(join(cwd, 'plan.json'), serialisePlan(plan))
  writeFileSync(join(cwd, 'other.json'), serialisePlan(other))
})
after(() => rm(cwd, { recursive: true, force: true }))

const copy = (name: string, from = 'bundle'): string => (cpSync(join(cwd, from), join(cwd, name), { recursive: true }), name)
const by = (key: string): string[] => ['--key', key, '--passphrase-file', join(cwd, 'secret')]
const approved = (bundle: string, key: string, ...words: string[]): Promise<Answer> => runCommand(cwd, approve, [bundle, '--policy', '1.json', '--plan', 'plan.json', ...by(key), ...words])

/** As the station counts, that has the plan at hand. */
async function station(bundle: string, count: number, made: Plan = plan, apart?: string): Promise<readonly string[]> {
  const policy = policies.get(count) as Policy
  const now = new Date()
  const opened = await openBundle(join(cwd, bundle), { policy, act: 'install', now, approving: 'later' })
  return codesOf(assertApproved({ plan: made, bundle: opened }, { policy, digest: SITE } as SiteFiles, now, apart))
}

suite('an approval', () => {
  test('shows the plan before it is signed, and counts for this plan alone', async () => {
    const bundle = copy('shown')
    assert.deepEqual(await station(bundle, 1), ['E_THRESHOLD'])
    const made = await approved(bundle, 'olga', '--condition', 'Only in building 7', '--days', '3')
    assert.match(made.said, /To be approved: install on site demo/)
    assert.ok(made.said.includes(planDigest(plan)) && made.said.includes(written.digest) && made.said.includes('on condition: Only in building 7'))
    assert.match(made.text, /^Olga Officer \(key [0-9a-f]{16}\) approved it: approval [0-9a-f]{16}, until /)
    assert.deepEqual([made.value['act'], made.value['planDigest'], made.value['siteDigest']], ['install', planDigest(plan), SITE])
    assert.equal(Date.parse(String(made.value['expires'])) - Date.parse(String(made.value['created'])), 3 * 86_400_000)
    const accepted = await runCommand(cwd, verify, [bundle, '--policy', '1.json', '--for', 'install'])
    assert.match(accepted.text, /approved by Olga Officer for install/)
    assert.deepEqual(await station(bundle, 1), [])
    assert.deepEqual(await station(bundle, 1, other), ['E_APPROVAL_OTHER', 'E_THRESHOLD'])
  })

  test('without a plan is one of the import', async () => {
    const bundle = copy('import')
    const made = await runCommand(cwd, approve, [bundle, '--policy', '1.json', ...by('olga')])
    assert.deepEqual([made.value['act'], made.value['planDigest']], ['import', null])
    assert.deepEqual(await station(bundle, 1), ['E_APPROVAL_OTHER', 'E_THRESHOLD'])
  })

  test('is written apart, and counts when it is put into the bundle', async () => {
    const bundle = copy('apart')
    await approved(bundle, 'olga', '-o', 'paper')
    assert.ok(!readdirSync(join(cwd, bundle)).includes('approvals'))
    assert.deepEqual(await station(bundle, 1), ['E_THRESHOLD'])
    // `install --approvals`: judged with the bundle, and sent along with it.
    assert.deepEqual(await station(bundle, 1, plan, join(cwd, 'paper')), [])
    assert.deepEqual(await station(bundle, 2, plan, join(cwd, 'paper')), ['E_THRESHOLD'])
    const opened = await openBundle(join(cwd, bundle), { policy: policies.get(1) as Policy, act: 'install', now: new Date(), approving: 'later' })
    assert.deepEqual((await approvalsApart(opened, join(cwd, 'paper'))).map(({ path }) => path), readdirSync(join(cwd, 'paper')).toSorted().map((name) => `approvals/${name}`))
    writeFileSync(join(cwd, 'paper/note.txt'), 'x')
    assert.deepEqual(await station(bundle, 1, plan, join(cwd, 'paper')), ['E_APPROVAL_FILE'])
    rmSync(join(cwd, 'paper/note.txt'))
    cpSync(join(cwd, 'paper'), join(cwd, bundle, 'approvals'), { recursive: true })
    assert.deepEqual(await station(bundle, 1), [])
  })

  test('is not made by a publisher, of another bundle’s plan, of words that make none, or of a bundle that is not whole', async () => {
    const bundle = copy('refused')
    assert.deepEqual(await codesOf(approved(bundle, 'alice')), ['E_USAGE'])
    for (const words of [['--days', '0'], ['--days', 'x'], ['--countersign', '0123456789abcdef']]) assert.deepEqual(await codesOf(approved(bundle, 'olga', ...words)), ['E_USAGE'], words.join(' '))
    writeFileSync(join(cwd, 'foreign.json'), serialisePlan({ ...plan, release: { ...plan.release, digest: '3'.repeat(128) } }))
    assert.deepEqual(await codesOf(approved(bundle, 'olga', '--plan', 'foreign.json')), ['E_USAGE'])
    writeFileSync(join(cwd, 'edited.json'), readFileSync(join(cwd, 'plan.json'), 'utf8').replace('demo.example', 'evil.example').replace('\n', ' \n'))
    assert.deepEqual(await codesOf(approved(bundle, 'olga', '--plan', 'edited.json')), ['E_PLAN_STALE'])
    writeFileSync(join(cwd, bundle, 'docs/runbook.md'), '# Runbooc\n')
    assert.deepEqual(await codesOf(approved(bundle, 'olga')), ['E_FILE_ALTERED'])
    assert.ok(!readdirSync(join(cwd, bundle)).includes('approvals'))
  })

  test('of another plan is not countersigned', async () => {
    const bundle = copy('counter')
    const { value } = await approved(bundle, 'olga')
    assert.deepEqual(await codesOf(approved(bundle, 'otto', '--plan', 'other.json', '--countersign', String(value['id']))), ['E_USAGE'])
    await approved(bundle, 'otto', '--countersign', String(value['id']))
    assert.equal(readdirSync(join(cwd, bundle, 'approvals')).filter((name) => name.endsWith('.json')).length, 1)
  })
})

test('k of n persons, for every k of 3 and sets of each size, by one approval or by several', async () => {
  const sets = [[], ['otto'], ['olga', 'oona'], ['olga', 'otto', 'oona'], ['olga', 'olga-too'], ['olga', 'olga-too', 'otto']]
  for (const [index, set] of sets.entries()) {
    const bundle = copy(`set-${index}`)
    let id: string | undefined
    for (const [at, name] of set.entries()) {
      // The last of three writes an approval of his own: several count together.
      const words = id === undefined || at === 2 ? ['--condition', name] : ['--countersign', id]
      id = String((await approved(bundle, name, ...words)).value['id'])
    }
    const persons = new Set(set.map((name) => name.replace('-too', ''))).size
    for (const count of [1, 2, 3]) {
      const codes = await codesOf(runCommand(cwd, verify, [bundle, '--policy', `${count}.json`, '--for', 'install']))
      assert.equal(codes.includes('E_THRESHOLD'), persons < count, `${set.join(', ')}: ${persons} persons, ${count} asked for: ${codes.join(', ')}`)
      assert.equal((await station(bundle, count)).includes('E_THRESHOLD'), persons < count, `${set.join(', ')} at the station, ${count} asked for`)
    }
  }
})
