import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { inventoryFor, variablesFor } from '../../src/enclave/converge/variables.ts'
import { seen } from '../../src/enclave/floor/floors.ts'
import { readMemory } from '../../src/enclave/floor/memory.ts'
import { pruneBackups, remember, type HostMemory } from '../../src/enclave/engine/host.ts'
import { knownHosts, othersOf, sharedConnections, sshConfig } from '../../src/enclave/engine/hosts.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { planBundle, planRollback, type BundleInputs } from '../../src/enclave/plan/make.ts'
import { clockFaults } from '../../src/enclave/preflight/checks.ts'
import type { Facts } from '../../src/enclave/preflight/facts.ts'
import { listSecrets } from '../../src/enclave/site/secrets.ts'
import { readSettings } from '../../src/enclave/site/settings.ts'
import { bundleIn, codesOf, FIELDS, NOW, people, policyOf, temporary } from './bundle-fixture.ts'
import { siteOf } from './enclave-fixture.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUQ1JDgCE+ZAIaMhHaVzxiwJSAECkXym72JF65CUmzl'
const NONE = { sha256: '', sha512: '', size: 0 }
const HOSTS = [
  { name: 'h1', address: '192.0.2.10', port: 22, hostKeys: [KEY], roles: ['depot', 'proxy'] },
  { name: 'h2', address: '192.0.2.11', port: 2222, hostKeys: [KEY], roles: ['postgresql', 'proxy'] },
  { name: 'h3', address: '2001:db8::3', port: 22, hostKeys: [KEY], roles: ['proxy'] },
]
const SITE = siteOf({ hosts: HOSTS })

function inputs(change: Partial<BundleInputs> = {}): BundleInputs {
  return {
    site: SITE,
    siteDigest: 'f'.repeat(128),
    policy: 'p',
    floors: {},
    state: undefined,
    nginx: true,
    files: {},
    secrets: [],
    statement: { ...FIELDS, mirrors: [{ name: 'debian', ecosystem: 'apt', tree: NONE }], iac: [{ name: 'ansible', kind: 'ansible', tree: NONE }] } as never,
    digest: 'e'.repeat(128),
    bytes: 1,
    ...change,
  }
}

test('with several hosts the operator certifies the engine, and all of them are prepared before any converges', () => {
  const plan = planBundle('install', inputs({ secrets: ['ldap-password'] }))
  const ids = plan.steps.map((step) => step.id)
  assert.deepEqual(ids.slice(0, 6), ['upload-installer', 'upload-bundle', 'certificates', 'secrets', 'authorise', 'check'])
  assert.equal(ids.indexOf('hosts') + 1, ids.indexOf('converge'))
  const at = (id: string): string | undefined => plan.steps.find((step) => step.id === id)?.host
  assert.deepEqual([at('import'), at('hosts'), at('certificates')], ['h1', 'h2, h3', 'every host'])
  assert.match(plan.steps.find((step) => step.id === 'secrets')?.reason ?? '', /ldap-password/)
  const now = { kind: 'release', name: 'hello', version: '1.0.0', sequence: 100, digest: 'e'.repeat(128) }
  const old = { ...now, version: '0.9.0', sequence: 90, digest: 'd'.repeat(128) }
  const state = { formatVersion: 1 as const, site: 'demo', running: now, floors: {}, previous: { release: old, backup: 'b', replacedAt: '' } }
  assert.equal(planRollback(inputs({ state }), []).steps[0]?.id, 'authorise')
  const alone = planBundle('install', inputs({ site: siteOf() })).steps.map((step) => step.id)
  assert.equal(alone.includes('authorise') || alone.includes('hosts'), false)
})

test('the engine’s SSH takes pinned host keys alone, and keeps a connection for one playbook at most', () => {
  assert.deepEqual(othersOf(SITE).map((host) => host.name), ['h2', 'h3'])
  assert.equal(knownHosts(SITE), `[192.0.2.11]:2222 ${KEY}\n2001:db8::3 ${KEY}\n`)
  const config = sshConfig(hostPaths(), '0123456789abcdef01234567')
  for (const line of ['StrictHostKeyChecking yes', 'ControlPersist no', 'ControlMaster no', 'ForwardAgent no', 'BatchMode yes', 'GlobalKnownHostsFile none', 'IdentityFile none'])
    assert.match(config, new RegExp(`^ {2}${line}$`, 'm'))
  const path = /ControlPath=(.*)/.exec(sharedConnections({ paths: hostPaths(), id: '0123456789abcdef01234567' }).join('\n'))?.[1] ?? ''
  // sun_path has 108 bytes; OpenSSH puts a digest of 40 for %C, and 17 characters behind it while it makes the socket.
  assert.ok(path.startsWith('/run/sallyport-agent-') && path.replace('%C', 'c'.repeat(40)).length + 17 < 108, path)
  assert.match(config, /IdentityAgent \/run\/sallyport-agent-0123456789abcdef01234567\/socket/)
})

test('Ansible knows every host, what it is for and the names as it sees them; a role without a host is an empty group', () => {
  const { all } = inventoryFor(SITE) as { all: { hosts: Record<string, Record<string, unknown>>; children: Record<string, { hosts: object }> } }
  assert.deepEqual([all.hosts['h1']?.['ansible_connection'], all.hosts['h2']?.['ansible_host'], all.hosts['h2']?.['ansible_port']], ['local', '192.0.2.11', 2222])
  assert.deepEqual(all.hosts['h2']?.['sallyport_host_roles'], ['postgresql', 'proxy'])
  assert.ok((all.hosts['h3']?.['sallyport_names'] as string[] | undefined)?.includes('2001:db8::3 postgresql.demo.example'))
  assert.deepEqual([all.children['trino_worker'], Object.keys(all.children['proxy']?.hosts ?? {})], [{ hosts: {} }, ['h1', 'h2', 'h3']])
  const site = siteOf({
    hosts: HOSTS,
    identity: { breakGlass: { holders: ['ana'], certificates: ['pki/ana.pem'] } },
    people: [{ id: 'ana', name: 'Ana', clearance: 'SECRET', caveats: [], nationality: 'USA', organisation: 'Org', operator: true }],
    pki: { mode: 'waiting-for-certificates', roots: 'pki/root.pem', days: 365, partners: [{ name: 'allies', nation: 'CAN', certificate: 'pki/allies.pem' }] },
  })
  const release = { kind: 'release', name: 'hello', version: '1', sequence: 1, digest: '' }
  const variables = variablesFor({ site, release, statement: { images: [] }, backupId: '', files: new Map([['pki/allies.pem', 'PEM'], ['pki/ana.pem', 'ANA']]) })
  assert.deepEqual(variables['sallyport_identity'], { breakGlass: { holders: ['ana'], certificates: ['ANA'] } })
  assert.deepEqual(variables['sallyport_pki'], { identity: 'dns', crl: { stale: 'refuse', days: 0 }, partners: [{ name: 'allies', nation: 'CAN', certificate: 'PEM', directories: [] }] })
  assert.deepEqual((variables['sallyport_hosts'] as { name: string }[]).map(({ name }) => name), ['h1', 'h2', 'h3'])
})

test('hosts whose clocks are apart are named before anything begins', () => {
  const facts = (clock: number) => ({ clock }) as Facts
  assert.deepEqual(clockFaults(SITE, { depot: facts(1000), others: new Map([['h2', facts(1030)], ['h3', facts(1000)]]) }), [])
  const faults = clockFaults(SITE, { depot: facts(1000), others: new Map([['h2', facts(1500)], ['h3', facts(1000)]]) })
  assert.match(faults.join('\n'), /^h2: its clock .* 500 s apart/)
})

test('another host remembers what it can judge itself, and nothing that was altered', async (t) => {
  const paths = hostPaths(await temporary(t))
  const { root, alice, bob } = await people()
  const { directory, digest } = await bundleIn(await temporary(t), [alice])
  const names = ['bundle.json', ...(await readdir(join(directory, 'signatures'))).map((name) => `signatures/${name}`)]
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await readFile(join(directory, name))).toString('base64')] as const)))
  const policy = policyOf({ root, keys: [alice] })
  const release = { kind: 'release', name: 'hello', sequence: 100, digest }
  const memory: HostMemory = {
    floors: seen(release, true),
    policies: [Buffer.from(signPolicy(policy.payload, [root])).toString('base64')],
    cardDigest: policy.digest,
    manifest: { digest, files },
  }
  await remember(paths, memory, NOW)
  assert.deepEqual((await readMemory(paths))['release/hello'], { sequence: 100, known: { '100': digest } })
  assert.deepEqual(await readdir(join(paths.manifests, digest, 'signatures')), await readdir(join(directory, 'signatures')))
  const altered = Buffer.from((files['bundle.json'] ?? '').toString(), 'base64').toString('utf8').replace('1.0.0', '1.0.1')
  const other = { ...memory, manifest: { digest, files: { ...files, 'bundle.json': Buffer.from(altered).toString('base64') } } }
  assert.deepEqual(await codesOf(remember(paths, other, NOW)), ['E_STATE'])
  assert.deepEqual(await readFile(join(paths.manifests, digest, 'bundle.json')), await readFile(join(directory, 'bundle.json')), 'what was kept before stays')
  const stranger = policyOf({ root, keys: [bob] })
  const fresh = hostPaths(await temporary(t))
  const unsigned = { ...memory, policies: [Buffer.from(signPolicy(stranger.payload, [root])).toString('base64')], cardDigest: stranger.digest }
  assert.deepEqual(await codesOf(remember(fresh, unsigned, NOW)), ['E_STATE'])
  assert.deepEqual(await readMemory(fresh), {})
  assert.deepEqual(await codesOf(remember(paths, { ...memory, manifest: { digest, files: { '../x': '' } } }, NOW)), ['E_STATE'])
})

test('a host keeps its newest backups and the one that may be gone back to', async (t) => {
  const directory = await temporary(t)
  for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) {
    const path = join(directory, `${name.repeat(24)}-1`)
    await mkdir(path)
    await utimes(path, 1000 + at, 1000 + at)
  }
  await mkdir(join(directory, 'by-hand'))
  await pruneBackups({ directory, keep: 1, stays: `${'a'.repeat(24)}-1` })
  assert.deepEqual((await readdir(directory)).sort(), [`${'a'.repeat(24)}-1`, 'by-hand', `${'d'.repeat(24)}-1`].sort())
})

test('secrets of a site are plain files by role, and its settings say only what a site may', async (t) => {
  const folder = await temporary(t)
  await mkdir(join(folder, 'secrets/keycloak'), { recursive: true })
  await writeFile(join(folder, 'secrets/keycloak/ldap-password'), 'x')
  await writeFile(join(folder, 'secrets/everywhere'), 'y')
  assert.deepEqual((await listSecrets(folder)).map(({ name, role }) => [name, role]), [['everywhere', undefined], ['ldap-password', 'keycloak']])
  await mkdir(join(folder, 'secrets/nowhere'))
  await writeFile(join(folder, 'secrets/nowhere/x'), '')
  assert.deepEqual(await codesOf(listSecrets(folder)), ['E_SITE_INVALID'])
  await writeFile(join(folder, 'settings.yaml'), 'objectStore: minio\npki: {mode: delegated-ca}\nhosts: []\n')
  assert.deepEqual(await codesOf(readSettings(join(folder, 'settings.yaml'))), ['E_SITE_INVALID'])
  await writeFile(join(folder, 'settings.yaml'), 'objectStore: minio\n')
  assert.deepEqual(await readSettings(join(folder, 'settings.yaml')), { objectStore: 'minio' })
})
