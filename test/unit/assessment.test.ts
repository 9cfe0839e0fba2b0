/** Each rule of the benchmark: met by what a real host answered, failed by that answer with one thing broken. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { BENCHMARK } from '../../src/assessment/benchmark.ts'
import { JUDGES } from '../../src/assessment/judge/judges.ts'
import type { Subject } from '../../src/assessment/judge/subject.ts'
import type { HostFacts } from '../../src/assessment/observe/facts.ts'
import { ANSWERED, facts, notMet, release, SITE, subject } from './assessment/subject.ts'
import { verdictsOn } from '../../src/assessment/assess.ts'

const ROOT = join(import.meta.dirname, '../..')
const CATALOG = /^[a-z]{2}-\d+(\.\d+)?$/

test('every rule has a judge, controls, and a file that shows it; every judge has a rule', () => {
  assert.deepEqual(BENCHMARK.rules.map(({ id }) => id), Object.keys(JUDGES))
  for (const { id, controls, shows } of BENCHMARK.rules) {
    assert.ok(controls.length > 0 && controls.every((control) => CATALOG.test(control)), id)
    assert.ok(shows.length > 0, id)
    for (const path of shows) assert.ok(existsSync(join(ROOT, path.replace(/^source:/, ''))), `${id}: ${path}`)
  }
})

test('what a host with the whole mesh answered meets every rule', () => {
  const verdicts = verdictsOn([subject()])
  assert.deepEqual(verdicts.filter(({ result }) => result !== 'pass').map(({ rule, result, evidence }) => [rule.id, result, evidence]), [])
  assert.ok(verdicts.every(({ evidence }) => evidence.length > 0))
})

const socket = (address: string, port: number, protocol = 'tcp') => ({ sockets: [...ANSWERED.sockets, { protocol, address, port, process: 'nc' }] })
const first = ANSWERED.containers.running.find(({ name }) => name === 'keycloak') as (typeof ANSWERED)['containers']['running'][number]
const container = (change: Partial<typeof first>) => ({ containers: { ...ANSWERED.containers, running: [...ANSWERED.containers.running.filter((one) => one !== first), { ...first, ...change }] } })
const process = (change: object) => container({ processes: first.processes.map((one) => ({ ...one, ...change })) })
const loaded = (change: (text: string) => string) => ({ filter: { ...ANSWERED.filter, loaded: change(ANSWERED.filter.loaded ?? '') } })
const ssh = (settings: object, more: object = {}) => ({ ssh: { ...ANSWERED.ssh, settings: { ...ANSWERED.ssh.settings, ...settings }, ...more } })
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUQ1JDgCE+ZAIaMhHaVzxiwJSAECkXym72JF65CUmzl'

/** What is broken, and exactly which rules fail for it. */
const BROKEN: readonly (readonly [string, readonly string[], Partial<HostFacts>])[] = [
  ['a port that nobody declared', ['SLP-010'], socket('0.0.0.0', 9999)],
  ['a port on loopback that nobody declared', ['SLP-010'], socket('127.0.0.1', 9999)],
  ['UDP', ['SLP-010'], socket('198.51.100.2', 443, 'udp')],
  ['a backend on the address', ['SLP-010', 'SLP-020'], socket('198.51.100.2', 18444)],
  ['a backend that is published on every address', ['SLP-020'], container({ ports: ['0.0.0.0:18444'] })],
  ['a rule that was added by hand', ['SLP-030', 'SLP-040'], loaded((text) => text.replace('tcp dport 22 accept', 'tcp dport 22 accept\n\t\ttcp dport 9999 accept'))],
  ['a rule that lets everything in', ['SLP-030', 'SLP-040'], loaded((text) => text.replace('ct state invalid drop', 'ct state invalid drop\n\t\taccept'))],
  ['a chain that no longer refuses', ['SLP-030', 'SLP-040'], loaded((text) => text.replace(/counter jump refused\n(?=\t\})/, ''))],
  ['a backend without its guard', ['SLP-030', 'SLP-040'], loaded((text) => text.replaceAll('18444, ', ''))],
  ['no table at all', ['SLP-030', 'SLP-040'], { filter: { ...ANSWERED.filter, loaded: null } }],
  ['rules in a file that was edited', ['SLP-030'], { filter: { ...ANSWERED.filter, file: ANSWERED.filter.file?.replace('443', '4430') ?? null } }],
  ['a service as root', ['SLP-050'], process({ uids: [0] })],
  ['a service as another one', ['SLP-050'], process({ uids: [2003] })],
  ['a service that changes its user', ['SLP-050'], process({ uids: [0, 2001] })],
  ['root beside a container', ['SLP-050'], { containers: { ...ANSWERED.containers, beside: [{ unit: 'keycloak.service', uid: 0, command: 'sh' }] } }],
  ['a capability', ['SLP-060'], process({ capabilities: { CapEff: '0000000000000400' } })],
  ['a bounding set', ['SLP-060'], process({ capabilities: { CapBnd: '000001ffffffffff' } })],
  ['new privileges', ['SLP-060'], process({ noNewPrivileges: false })],
  ['a root file system to write on', ['SLP-070'], process({ readOnly: false })],
  ['an image that nobody signed', ['SLP-080'], container({ image: `sha256:${'e'.repeat(64)}` })],
  ['a container of nobody', ['SLP-050', 'SLP-080'], container({ name: 'debug' })],
  ['a container without a unit', ['SLP-080'], container({ unit: '' })],
  ['a unit that is down', ['SLP-090'], { units: { ...ANSWERED.units, states: { ...ANSWERED.units.states, 'keycloak.service': { load: 'loaded', active: 'inactive' } } } }],
  ['a unit that failed', ['SLP-090'], { units: { ...ANSWERED.units, failed: ['backup.service'] } }],
  ['the filter not at boot', ['SLP-090'], { units: { ...ANSWERED.units, states: { ...ANSWERED.units.states, 'sallyport-firewall.service': { load: 'not-found', active: 'inactive' } } } }],
  ['another program of the engine', ['SLP-120'], { program: 'c'.repeat(128) }],
  ['drift', ['SLP-130'], { drift: { ...ANSWERED.drift, lines: ['keycloak: /etc/sallyport/keycloak/x.conf is new'] } }],
  ['an old report of drift', ['SLP-130'], { drift: { ...ANSWERED.drift, age: 301 } }],
  ['drift told by another program', ['SLP-130'], { drift: { ...ANSWERED.drift, program: 'd'.repeat(64) } }],
  ['drift from nothing', ['SLP-130'], { drift: { ...ANSWERED.drift, recorded: null } }],
  ['a key for everybody', ['SLP-160'], { keys: [...ANSWERED.keys, { path: '/etc/sallyport/tls/proxy/current/key.pem', mode: 0o644, uid: 0, gid: 0 }] }],
  ['a secret for a group', ['SLP-160'], { keys: [...ANSWERED.keys, { path: '/etc/sallyport/secrets/keycloak-admin', mode: 0o640, uid: 0, gid: 100 }] }],
  ['a key of another owner', ['SLP-160'], { keys: [...ANSWERED.keys, { path: '/etc/sallyport/pki/host/key.pem', mode: 0o600, uid: 1000, gid: 0 }] }],
  ['no key where keys are', ['SLP-160'], { keys: [] }],
  ['passwords', ['SLP-170'], ssh({ passwordauthentication: ['yes'] })],
  ['root by password', ['SLP-170'], ssh({ permitrootlogin: ['yes'] })],
  ['a setting that is not said', ['SLP-170'], ssh({ kbdinteractiveauthentication: [] })],
  ['an authority in another file', ['SLP-180'], ssh({ trustedusercakeys: ['/etc/ssh/ca.pub'] }, { authorities: [OTHER_KEY] })],
  ['another authority in our file', ['SLP-180'], ssh({ trustedusercakeys: ['/etc/ssh/sallyport/authority.pub'] }, { authorities: [OTHER_KEY] })],
  ['an authority among the keys', ['SLP-180'], ssh({}, { keys: [...ANSWERED.ssh.keys, `cert-authority,no-pty ${OTHER_KEY}`] })],
  ['keys from a command', ['SLP-180'], ssh({ authorizedkeyscommand: ['/usr/bin/ask'] })],
  ['a backup that is too old', ['SLP-210'], { backups: { ...ANSWERED.backups, newest: { ...ANSWERED.backups.newest, keycloak: ANSWERED.clock - 36 * 86_400 } } }],
  ['a day without a backup', ['SLP-210'], { drift: { ...ANSWERED.drift, installed: ANSWERED.clock - 2 * 86_400 } }],
  ['a clock that is wrong', ['SLP-220'], { clock: ANSWERED.clock - 61 }],
  ['another source of packages', ['SLP-230'], { sources: { ...ANSWERED.sources, apt: [...ANSWERED.sources.apt, { file: '/etc/apt/sources.list', uri: 'https://mirror.example/debian', signed: '/k.gpg', trusted: '' }] } }],
  ['packages without a signature', ['SLP-230'], { sources: { ...ANSWERED.sources, apt: ANSWERED.sources.apt.map((one) => ({ ...one, trusted: 'yes' })) } }],
  ['a registry for short names', ['SLP-230'], { sources: { ...ANSWERED.sources, registries: ['unqualified-search-registries = ["registry.example"]'] } }],
]

suite('broken on a host', () => {
  for (const [what, rules, change] of BROKEN)
    test(what, () => {
      const bad = notMet(facts(change))
      assert.deepEqual([...bad.keys()], rules)
      for (const { result, evidence } of bad.values()) assert.deepEqual([result, evidence.length > 0], ['fail', true])
    })
})

const lists = (faults: readonly string[]): Partial<Subject> => ({ certificates: { answer: { services: [{ service: 'host', faults: [] }], lists: { faults, seen: [] } } } })
const audit = (code: number, proof: null | { instances: object }): Partial<Subject> => ({ audit: { answer: { code, events: 0, proof: proof as never, said: ['E_MESH_AUDIT: batch 3 is missing'] } } })

/** Broken in what is not a host's own answer. */
const ELSEWHERE: readonly (readonly [string, string, Partial<Subject>])[] = [
  ['a release that the policy no longer accepts', 'SLP-100', release({ reasons: ['E_THRESHOLD: too few'] })],
  ['a site that is broken', 'SLP-100', release({ state: { formatVersion: 1, site: 'demo', floors: {}, broken: { backup: 'x', replacedAt: '2026-11-30T00:00:00Z' } } })],
  ['a file of the depot that is another', 'SLP-110', release({ served: { answer: { faults: ['iac/mesh/site.yml is missing'], files: 811 } } })],
  ['a certificate that cannot be used', 'SLP-140', { certificates: { answer: { services: [{ service: 'keycloak', faults: ['expired'] }], lists: { faults: [], seen: ['x'] } } } }],
  ['a certificate that is waited for', 'SLP-140', { certificates: { answer: { services: [{ service: 'keycloak', faults: [], waiting: { since: '2026-11-01', reason: 'new' } }], lists: { faults: [], seen: ['x'] } } } }],
  ['a list out of its time', 'SLP-150', lists(['the list of CN=Demo: the next one was due'])],
  ['an audit log with a fault', 'SLP-190', audit(6, null)],
  ['an audit log that is not there', 'SLP-190', audit(0, { instances: {} })],
  ['a record of custody that was cut', 'SLP-200', release({ custody: Buffer.from('{"number":1,"previous":"ab"}\n') })],
  ['a record of custody about another release', 'SLP-200', release({ digest: '9'.repeat(128) })],
]

suite('broken elsewhere', () => {
  for (const [what, rule, change] of ELSEWHERE)
    test(what, () => {
      assert.deepEqual([...notMet(change)].map(([id, { result }]) => [id, result]), [[rule, 'fail']])
    })
})

test('what could not be asked is not checked, and says why', () => {
  const { sockets: _gone, ...rest } = ANSWERED
  const bad = notMet({ facts: { answer: { ...rest, errors: { sockets: 'FileNotFoundError: ss' } } } })
  assert.deepEqual([...bad].map(([id, { result, evidence }]) => [id, result, evidence]), [
    ['SLP-010', 'not-checked', ['FileNotFoundError: ss']],
    ['SLP-020', 'not-checked', ['FileNotFoundError: ss']],
  ])
  const away = { why: 'h1 cannot be reached' }
  const none = notMet({ facts: away, services: away, release: away, certificates: away, audit: away })
  assert.equal(none.size, BENCHMARK.rules.length)
  assert.deepEqual([...none.values()].map(({ result, evidence }) => [result, evidence[0]]), BENCHMARK.rules.map(() => ['not-checked', away.why]))
})

test('what does not fit this host is not applicable, and no more is', () => {
  const host = { ...SITE.hosts[0], roles: ['postgresql'] } as Subject['host']
  const verdicts = verdictsOn([subject({ host, site: { ...SITE, hosts: [host] } })])
  assert.deepEqual(verdicts.filter(({ result }) => result === 'not-applicable').map(({ rule }) => rule.id), ['SLP-030', 'SLP-040', 'SLP-100', 'SLP-110', 'SLP-130', 'SLP-190', 'SLP-200'])
})

test('evidence is bounded and never runs a terminal', () => {
  const many = Array.from({ length: 5000 }, (_, index) => `host: /etc/\u001b[31m${'x'.repeat(1000)}${index} is new`)
  const evidence = notMet(facts({ drift: { ...ANSWERED.drift, lines: many } })).get('SLP-130')?.evidence ?? []
  assert.equal(evidence.length, 41)
  assert.equal(evidence.at(-1), 'and 4960 more')
  assert.ok(evidence.every((line) => line.length < 330 && !line.includes('\u001b')))
})

test('the programs that hosts are asked with write nothing and hold no secret', async () => {
  const { HOST_PROGRAM } = await import('../../src/assessment/observe/host-program.ts')
  const { AUDIT_PROGRAM, RECORDS_PROGRAM, RELEASE_PROGRAM } = await import('../../src/assessment/observe/depot-programs.ts')
  for (const program of [HOST_PROGRAM, AUDIT_PROGRAM, RECORDS_PROGRAM, RELEASE_PROGRAM]) assert.doesNotMatch(program, /open\([^)]*["'][wax]b?\+?["']|os\.(remove|rename|chmod|chown|mkdir|unlink)|shutil|systemctl", "(re)?start/)
  assert.doesNotMatch(readFileSync(join(import.meta.dirname, 'assessment/h1.json'), 'utf8'), /PRIVATE KEY|password=/i)
})
