import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { planBundle, planRollback, type BundleInputs } from '../../src/enclave/plan/make.ts'
import { assertSamePlan, parsePlan, planDigest, serialisePlan } from '../../src/enclave/plan/plan.ts'
import { preflightFaults } from '../../src/enclave/preflight/checks.ts'
import { factsScript, parseFacts } from '../../src/enclave/preflight/facts.ts'
import { hostPaths, releaseId } from '../../src/enclave/paths.ts'
import { FIELDS } from './bundle-fixture.ts'
import { siteOf } from './enclave-fixture.ts'

const NONE = { sha256: '', sha512: '', size: 0 }
const OLD = { kind: 'release', name: 'hello', version: '0.9.0', sequence: 90, digest: 'd'.repeat(128) }
const SITE = siteOf()

function inputs(change: Partial<BundleInputs> = {}): BundleInputs {
  return {
    site: SITE,
    siteDigest: 'f'.repeat(128),
    policy: 'p',
    floors: {},
    state: undefined,
    nginx: false,
    files: {},
    secrets: [],
    statement: { ...FIELDS, mirrors: [{ name: 'debian', ecosystem: 'apt', tree: NONE }], iac: [{ name: 'ansible', kind: 'ansible', tree: NONE }] } as never,
    digest: 'e'.repeat(128),
    bytes: 1_000_000,
    ...change,
  }
}

const running = (release: typeof OLD) => ({ formatVersion: 1 as const, site: 'demo', running: release, floors: {} })

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    assert.ok(error instanceof Fault)
    return error.code
  }
}

test('the same inputs give the same plan, and a plan comes back from its file as it was', () => {
  const plan = planBundle('any', inputs())
  assert.equal(planDigest(plan), planDigest(planBundle('any', inputs())))
  assert.deepEqual(parsePlan(serialisePlan(plan), 'plan.json'), plan)
  assert.equal(codeOf(() => parsePlan(serialisePlan(plan).replace('"bytes": 1000000', '"bytes":1'), 'plan.json')), 'E_PLAN_STALE')
  assert.equal(codeOf(() => assertSamePlan(plan, planBundle('any', inputs({ bytes: 2 })))), 'E_PLAN_STALE')
})

test('an upgrade drains, backs up and can be undone; an install has nothing to go back to', () => {
  const upgrade = planBundle('upgrade', inputs({ state: running(OLD) }))
  const ids = upgrade.steps.map((step) => step.id)
  assert.ok(ids.indexOf('drain') < ids.indexOf('backup') && ids.indexOf('backup') < ids.indexOf('switch'))
  assert.ok(ids.indexOf('health') < ids.indexOf('commit'))
  assert.deepEqual(upgrade.undo.map((step) => step.id), ['drain', 'switch', 'serve', 'restore', 'converge', 'health'])
  const install = planBundle('install', inputs())
  assert.equal(install.steps.some((step) => step.id === 'drain'), false)
  assert.deepEqual(install.undo, [])
})

test('the wrong verb, an unsupported hop and a marking above the ceiling are refused', () => {
  assert.equal(codeOf(() => planBundle('upgrade', inputs())), 'E_WRONG_VERB')
  assert.equal(codeOf(() => planBundle('install', inputs({ state: running(OLD) }))), 'E_WRONG_VERB')
  assert.equal(codeOf(() => planBundle('upgrade', inputs({ state: running({ ...OLD, name: 'other' }) }))), 'E_HOP')
  const { statement } = inputs()
  const marked = (marking: object) => inputs({ statement: { ...statement, marking: { ...statement.marking, ...marking } } })
  assert.equal(codeOf(() => planBundle('any', marked({ level: 'TOP SECRET' }))), 'E_CEILING')
  assert.equal(codeOf(() => planBundle('any', marked({ level: 'COSMIC' }))), 'E_CEILING')
  assert.equal(codeOf(() => planBundle('any', marked({ policyVersion: '2' }))), 'E_CEILING')
})

test('a rollback says that data goes back, and needs a release to go back to', () => {
  assert.equal(codeOf(() => planRollback(inputs(), [])), 'E_NOT_INSTALLED')
  const now = { ...OLD, version: '1.0.0', sequence: 100, digest: 'e'.repeat(128) }
  assert.equal(codeOf(() => planRollback(inputs({ state: running(now) }), [])), 'E_ROLLBACK_REFUSED')
  const state = { ...running(now), previous: { release: OLD, backup: 'b-1', replacedAt: '2026-12-01T00:00:00Z' } }
  const plan = planRollback(inputs({ state, nginx: true }), [releaseId(OLD)])
  assert.deepEqual(plan.steps.map((step) => step.id), ['check', 'drain', 'backup', 'switch', 'serve', 'restore', 'converge', 'health', 'commit'])
  assert.match(plan.notes[0] ?? '', /Data goes back to 2026-12-01/)
  const half = { ...running(OLD), broken: { backup: 'b-2', replacedAt: '2026-12-01T00:00:00Z' } }
  assert.equal(codeOf(() => planBundle('any', inputs({ state: half }))), 'E_MEND_FIRST')
  const broken = planRollback(inputs({ state: { ...running(OLD), broken: { backup: 'b-2', replacedAt: '2026-12-01T00:00:00Z' } } }), [releaseId(OLD)])
  assert.equal(broken.release.digest, OLD.digest)
  assert.equal(broken.steps.some((step) => step.id === 'backup'), false, 'what is broken is not backed up over what mends it')
})

const ANSWER = (change: Readonly<Record<string, string>> = {}): string =>
  Object.entries({
    os: 'ID=debian\nVERSION_ID="13"',
    machine: 'x86_64',
    uid: '0',
    systemd: 'yes',
    clock: '1796083200',
    memory: 'MemTotal:        8000000 kB',
    freeDepot: '/dev/vda 100000000 1000 90000000 1% /',
    freeData: '/dev/vda 100000000 1000 90000000 1% /',
    tcp: '  0: 00000000:0016 00000000:0000 0A 00000000:00000000',
    nginx: 'no',
    state: '',
    floors: '',
    policy: '',
    converging: '',
    active: '',
    end: '',
    ...change,
  })
    .map(([title, text]) => `\n@@${title}\n${text}\n`)
    .join('')

test('a host says what it is in one shell script, and every reason not to start is named', () => {
  assert.match(factsScript(hostPaths()), /^set -u\n/)
  const facts = parseFacts(ANSWER(), 'h1')
  assert.deepEqual([facts.os, facts.release, facts.listening, facts.memory], ['debian', '13', [22], 8_192_000_000])
  const subject = { statement: inputs().statement, bundleBytes: 1e6, roles: ['control-plane' as const] }
  const host = SITE.hosts[0]
  assert.ok(host)
  assert.deepEqual(preflightFaults(host, facts, subject), [])
  const left = parseFacts(ANSWER({ containers: ['keycloak', 'object-store-osd', 'registry'].map((name) => `/etc/containers/systemd/${name}.container`).join('\n') }), 'h1')
  const without = { ...host, roles: ['depot' as const, 'control-plane' as const, 'object-store' as const] }
  assert.deepEqual(preflightFaults(without, left, subject).map((text) => text.split(' is here')[0]), ['h1: registry'])
  assert.match(preflightFaults({ ...without, roles: ['depot'] }, left, subject).join('\n'), /object-store is here with its data/)
  const poor = parseFacts(
    ANSWER({
      os: 'ID=debian\nVERSION_ID="12"',
      machine: 'aarch64',
      uid: '1000',
      systemd: 'no',
      clock: '1700000000',
      memory: 'MemTotal: 100 kB',
      freeDepot: '/dev/vda 100 1 90 1% /',
      tcp: '  0: 00000000:01BB 00000000:0000 0A 00000000:00000000\n  1: 00000000:20FB 00000000:0000 0A 0',
    }),
    'h1',
  )
  const faults = preflightFaults(host, poor, subject).join('\n')
  for (const part of [/debian 12 arm64, the bundle is for debian 13 amd64/, /not root/, /systemd/, /clock/, /free for the depot/, /memory/, /port 443/, /port 8443/])
    assert.match(faults, part)
  assert.equal(codeOf(() => parseFacts('sh: not found', 'h1')), 'E_HOST_COMMAND')
  assert.equal(codeOf(() => parseFacts(ANSWER({ state: '{"formatVersion":9}' }), 'h1')), 'E_STATE')
})
