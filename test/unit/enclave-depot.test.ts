import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { failuresIn, recapOf } from '../../src/enclave/converge/recap.ts'
import { inventoryFor, variablesFor } from '../../src/enclave/converge/variables.ts'
import { sourceText } from '../../src/enclave/depot/apt.ts'
import { currentRelease, switchCurrent } from '../../src/enclave/depot/current.ts'
import { importedStatement, takeBundle } from '../../src/enclave/depot/import.ts'
import { layOutRelease } from '../../src/enclave/depot/layout-release.ts'
import { writeNames } from '../../src/enclave/depot/names.ts'
import { nginxConfig, nginxUnit, refreshScript } from '../../src/enclave/depot/nginx.ts'
import { readState, writeState } from '../../src/enclave/depot/state.ts'
import { check } from '../../src/enclave/engine/check.ts'
import { commit, pruneAll } from '../../src/enclave/engine/commit.ts'
import { prepareIncoming } from '../../src/enclave/engine/prepare.ts'
import { readMemory } from '../../src/enclave/floor/memory.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { planBundle } from '../../src/enclave/plan/make.ts'
import { bundleIn, codesOf, FIELDS, people, policyOf, temporary, type People } from './bundle-fixture.ts'
import { contextOf, planFolder, siteOf } from './enclave-fixture.ts'

const PEOPLE: Promise<People> = people()

/** A host on which a signed bundle was uploaded, and its plan handed to the engine. */
async function uploaded(t: TestContext, change: Partial<typeof FIELDS> = {}, root?: string) {
  const { root: rita, alice } = await PEOPLE
  const host = root ?? (await temporary(t))
  const policy = policyOf({ root: rita, keys: [alice] })
  const medium = await temporary(t)
  const written = await bundleIn(medium, [alice], { fields: { ...FIELDS, ...change } })
  const trust = { trust: { policy: 'trust-policy.json', sha512: policy.digest }, backup: { directory: join(host, 'backups'), keep: 2 } }
  const state = await readState(hostPaths(host))
  const folder = await planFolder(
    host,
    (siteDigest) =>
      planBundle('any', {
        site: siteOf(trust),
        siteDigest,
        policy: policy.digest,
        floors: {},
        state,
        nginx: false, files: {}, secrets: [],
        statement: written.statement,
        digest: written.digest,
        bytes: 1,
      }),
    trust,
  )
  await writeFile(folder.files.policy, signPolicy(policy.payload, [rita]))
  await mkdir(folder.paths.incoming, { recursive: true })
  const incoming = join(folder.paths.incoming, written.digest)
  await cp(written.directory, incoming, { recursive: true })
  await rm(folder.files.bundle, { force: true })
  return { ...folder, context: contextOf(folder), incoming, written, root: host }
}

async function installed(t: TestContext, change: Partial<typeof FIELDS> = {}, root?: string) {
  const host = await uploaded(t, change, root)
  await takeBundle(host.context)
  const { statement, bytes } = await importedStatement(host.context)
  const release = await layOutRelease(host.paths, host.context.store, statement, bytes, host.written.digest)
  await commit(host.context)
  return { ...host, release, statement }
}

test('an uploaded bundle is verified again, taken in blob by blob, and laid out as links', async (t) => {
  const { paths, incoming, release, statement } = await installed(t)
  assert.equal(await stat(incoming).catch(() => 'gone'), 'gone')
  const deb = join(release, 'apt/pool/one.deb')
  assert.equal(await readFile(deb, 'utf8'), 'one package')
  assert.ok((await stat(deb)).nlink > 1)
  assert.equal((await stat(join(release, 'iac/ansible/run'))).mode & 0o777, 0o555)
  const manifest = statement.images[0]?.manifest.sha256
  assert.deepEqual((await readdir(join(release, 'oci/v2/hello/manifests'))).toSorted(), ['1.0.0', `sha256:${manifest}`].toSorted())
  assert.equal((await readdir(join(release, 'oci/v2/hello/blobs'))).length, 2)
  assert.equal((await readMemory(paths))['release/hello']?.sequence, 100)
  assert.equal((await readState(paths))?.running?.version, '1.0.0')
})

test('a byte that changed on the way is refused on the depot, and nothing of it is kept', async (t) => {
  const { context, incoming, paths } = await uploaded(t)
  const [name = ''] = await readdir(join(incoming, 'blobs/sha256'))
  const path = join(incoming, 'blobs/sha256', name)
  const bytes = await readFile(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await writeFile(path, bytes)
  assert.ok((await codesOf(takeBundle(context))).includes('E_FILE_ALTERED'))
  assert.deepEqual(await readMemory(paths), {})
})

test('an older bundle is refused, also after the depot was restored from an old copy', async (t) => {
  const first = await installed(t)
  const copy = await temporary(t)
  await cp(first.paths.depot, join(copy, 'old'), { recursive: true })
  await installed(t, { version: '1.1.0', sequence: 110, upgradesFrom: [{ name: 'hello', minSequence: 100, maxSequence: 109 }] }, first.root)
  await rm(first.paths.depot, { recursive: true })
  await rename(join(copy, 'old'), first.paths.depot)
  assert.equal((await readState(first.paths))?.running?.sequence, 100)
  const again = await uploaded(t, { version: '1.0.5', sequence: 105, upgradesFrom: [{ name: 'hello', minSequence: 100, maxSequence: 104 }] }, first.root)
  assert.deepEqual(await codesOf(takeBundle(again.context)), ['E_BELOW_FLOOR'])
})

test('a sequence names one content, from the moment it was taken in', async (t) => {
  const first = await uploaded(t)
  await takeBundle(first.context)
  const other = await uploaded(t, { created: '2026-11-23T00:00:00Z' }, first.root)
  assert.deepEqual(await codesOf(takeBundle(other.context)), ['E_SEQUENCE_REUSED'])
})

test('the trust policy of a host is the one on the card, and then only what follows it', async (t) => {
  const first = await uploaded(t)
  const { root: rita, alice, bob } = await PEOPLE
  await writeFile(first.files.policy, signPolicy(policyOf({ root: rita, keys: [bob] }).payload, [rita]))
  assert.deepEqual(await codesOf(check(first.context)), ['E_POLICY_DIGEST'])
  await writeFile(first.files.policy, signPolicy(policyOf({ root: rita, keys: [alice] }).payload, [rita]))
  await check(first.context)
  await writeFile(first.files.policy, signPolicy(policyOf({ root: rita, keys: [bob] }).payload, [rita]))
  assert.deepEqual(await codesOf(check(first.context)), ['E_POLICY_CHAIN'])
})

test('a plan that starts from another release than the one that runs is refused', async (t) => {
  const first = await installed(t)
  const next = await uploaded(t, { version: '1.1.0', sequence: 110, upgradesFrom: [{ name: 'hello', minSequence: 100, maxSequence: 109 }] }, first.root)
  const state = await readState(first.paths)
  assert.ok(state?.running)
  await writeState(first.paths, { ...state, running: { ...state.running, digest: 'b'.repeat(128) } })
  assert.deepEqual(await codesOf(check(next.context)), ['E_PLAN_STALE'])
})

test('only what the depot does not hold is sent: store, installer and an earlier upload count by their digest', async (t) => {
  const { paths, written, incoming } = await installed(t)
  const names = [...(await readdir(join(written.directory, 'blobs/sha256'))).map((name) => `blobs/sha256/${name}`), 'README.txt']
  const files = await Promise.all(
    names.map(async (path) => {
      const bytes = await readFile(join(written.directory, path))
      const { sha512 } = await new ContentStore(join(await temporary(t), 's')).put(bytes)
      return { path, sha512, size: bytes.length }
    }),
  )
  const damaged = files[0]
  assert.ok(damaged)
  await rm(join(paths.store, damaged.path))
  await writeFile(join(paths.store, damaged.path), Buffer.alloc(damaged.size, 'x'))
  assert.deepEqual((await prepareIncoming(paths, written.digest, files)).toSorted(), [damaged.path, 'README.txt'].toSorted())
  assert.equal((await readdir(join(incoming, 'blobs/sha256'))).length, files.length - 2)
  const hostile = [{ path: '../../etc/passwd', sha512: damaged.sha512, size: 1 }]
  assert.deepEqual(await codesOf(prepareIncoming(paths, written.digest, hostile)), ['E_HOST_COMMAND'])
})

test('the running release and the one before stay pinned, older ones go with their blobs', async (t) => {
  const first = await installed(t)
  const hop = (from: number) => [{ name: 'hello', minSequence: from, maxSequence: from }]
  await installed(t, { version: '1.1.0', sequence: 110, upgradesFrom: hop(100) }, first.root)
  const third = await installed(t, { version: '1.2.0', sequence: 120, upgradesFrom: hop(110) }, first.root)
  await pruneAll(third.context)
  const kept = await readdir(third.paths.releases)
  assert.deepEqual(kept.map((id) => id.split('-')[1]).toSorted(), ['1.1.0', '1.2.0'])
  assert.equal(await readFile(join(third.release, 'apt/pool/one.deb'), 'utf8'), 'one package')
  const state = await readState(third.paths)
  assert.equal(state?.previous?.release.version, '1.1.0')
  assert.equal(state?.floors['release/hello']?.sequence, 120)
})

test('switching the mirrors is one rename', async (t) => {
  const paths = hostPaths(await temporary(t))
  for (const id of ['a', 'b', 'a']) {
    await switchCurrent(paths, id)
    assert.equal(await currentRelease(paths), id)
  }
})

test('the package source keeps Debian’s signature check, and stretches its date by the stated bound only', () => {
  const suites = [{ suite: 'trixie-security', components: ['main'] }]
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const text = sourceText(suites, { uri: 'https://depot.demo.example:8443/apt', stretchDays: 180, keyring })
  assert.match(text, /^Signed-By: \/usr\/share\/keyrings\/debian-archive-keyring\.gpg$/m)
  assert.match(text, /^Valid-Until-Min: 15552000$/m)
  assert.doesNotMatch(sourceText(suites, { uri: 'file:/x', stretchDays: 0, keyring }), /Valid-Until/)
})

test('the depot offers TLS 1.3 alone, reads only, and serves the trees of the current release', () => {
  const text = nginxConfig(hostPaths(), 'demo.example', '192.0.2.10')
  assert.match(text, /ssl_protocols TLSv1\.3;/)
  assert.match(text, /\^\(GET\|HEAD\)\$/)
  assert.match(nginxConfig(hostPaths(), 'demo.example', '2001:db8::1'), /listen \[2001:db8::1\]:8443 ssl;/)
})

test('packages and images are for hosts, and nginx is nobody of importance', () => {
  const text = nginxConfig(hostPaths(), 'demo.example', '192.0.2.10')
  assert.match(text, /ssl_verify_client optional;/)
  for (const place of ['= /v2/', '~ ^/v2/[a-z0-9/._-]+/manifests/', '~ ^/v2/[a-z0-9/._-]+/blobs/', '~ ^/apt/'])
    assert.match(text.slice(text.indexOf(`location ${place} {`)), /^[^\n]+\n\s+if \(\$sallyport_host = 0\) \{ return 403; \}/, place)
  // nginx reads \\ within quotes as one backslash.
  const pattern = /"~(\^SUCCESS.*)" 1;/.exec(text)?.[1]?.replaceAll('\\\\', '\\')
  assert.ok(pattern)
  const host = new RegExp(pattern)
  for (const subject of ['CN=host', 'CN=host,O=Demo', 'OU=Hosts,CN=host,O=Demo']) assert.ok(host.test(`SUCCESS 0 ${subject}`), subject)
  for (const subject of ['CN=hostile', 'CN=ana,CN=host', 'O=a\\,CN=host', 'OU=x+CN=host', 'CN=postgresql,O=Demo', '', 'O=Demo'])
    assert.equal(host.test(`SUCCESS 0 ${subject}`), false, subject)
  assert.equal(host.test('SUCCESS 1 CN=host'), false, 'revoked')
  assert.equal(host.test('FAILED:certificate revoked 0 CN=host'), false)
  assert.match(nginxUnit(hostPaths()), /User=www-data\n(.*\n)*LoadCredential=key\.pem:(.*\n)*CapabilityBoundingSet=\n/)
})

test('what nginx trusts is taken over whole, and a list of revoked serials becomes a map', async (t) => {
  const root = await temporary(t)
  const paths = hostPaths(root)
  const script = join(root, 'refresh')
  await writeFile(script, refreshScript(paths), { mode: 0o755 })
  await mkdir(paths.pki, { recursive: true })
  await writeFile(join(paths.pki, 'ca.pem'), 'root\n')
  execFileSync(script)
  assert.deepEqual(await Promise.all(['ca.pem', 'crl.conf', 'revoked.map'].map((name) => readFile(join(paths.depotTrust, name), 'utf8'))), ['root\n', '', ''])
  const handed = join(paths.tls, 'depot/current')
  await mkdir(handed, { recursive: true })
  await writeFile(join(handed, 'ca.pem'), 'new\n')
  await writeFile(join(handed, 'crl.pem'), 'list\n')
  await writeFile(join(handed, 'revoked.json'), '{"revoked": [\n{"serial": "0a1f", "decimal": "2591", "issuer": "CN=x"}\n]}\n')
  execFileSync(script)
  const found = await Promise.all(['ca.pem', 'crl.pem', 'crl.conf', 'revoked.map'].map((name) => readFile(join(paths.depotTrust, name), 'utf8')))
  assert.deepEqual(found, ['new\n', 'list\n', `ssl_crl ${paths.depotTrust}/crl.pem;\n`, '0A1F 1;\n'])
})

test('names of services are one block in /etc/hosts, written twice the same', async (t) => {
  const paths = hostPaths(await temporary(t))
  await mkdir(join(paths.hosts, '..'), { recursive: true })
  await writeFile(paths.hosts, '127.0.0.1 localhost\n')
  await writeNames(paths, ['192.0.2.10 depot.demo.example'])
  const once = await readFile(paths.hosts, 'utf8')
  await writeNames(paths, ['192.0.2.10 depot.demo.example'])
  assert.equal(await readFile(paths.hosts, 'utf8'), once)
  assert.equal(once, `127.0.0.1 localhost\n# BEGIN SALLYPORT\n192.0.2.10 depot.demo.example\n# END SALLYPORT\n`)
})

test('roles are given what the site and the release say, images by digest', () => {
  const release = { kind: 'release', name: 'hello', version: '1.0.0', sequence: 100, digest: 'e' }
  const image = { name: 'web', reference: 'localhost/web:1', manifest: { sha256: 'c'.repeat(64), sha512: '', size: 0 } }
  const person = { id: 'ana', name: 'Ana', clearance: 'SECRET', caveats: [], nationality: 'USA', organisation: 'Org' }
  const variables = variablesFor({ site: siteOf({ people: [person] }), release, statement: { images: [image] }, backupId: 'b-1', files: new Map() })
  assert.deepEqual(variables['sallyport_images'], { web: `depot.demo.example:8443/web@sha256:${'c'.repeat(64)}` })
  assert.deepEqual(variables['sallyport_people'], [{ username: 'ana', clearance: 'SECRET', caveats: [], nationality: 'USA', organisation: 'Org' }])
  assert.equal(variables['sallyport_audit_retention_days'], 90)
  const hours = variablesFor({ site: siteOf({ audit: { retentionDays: 0.125 } }), release, statement: { images: [] }, backupId: '', files: new Map() })
  assert.equal(hours['sallyport_audit_retention_minutes'], 180)
  assert.match(JSON.stringify(inventoryFor(siteOf())), /"control_plane":\{"hosts":\{"h1":\{\}\}\}/)
})

test('what Ansible says of a failure is put in one line each, ignored ones left out', () => {
  const lines = [
    'TASK [web : Pull] *****',
    'fatal: [h1]: FAILED! => ',
    '  msg: not found',
    '...ignoring',
    '',
    'TASK [web : Start] *****',
    'fatal: [h1]: FAILED! => {"msg": "no unit"}',
    '',
    'PLAY RECAP *****',
    'h1 : ok=7    changed=3    unreachable=0    failed=1',
  ]
  assert.deepEqual(failuresIn(lines), ['h1: web : Start: FAILED! => {"msg": "no unit"}'])
  assert.equal(recapOf(lines), 'changed 3 of 7 tasks')
})
