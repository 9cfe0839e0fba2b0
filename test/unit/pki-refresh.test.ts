import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { revocationsTaken } from '../../src/enclave/engine/certificates.ts'
import { openIssuer } from '../../src/enclave/pki/authority.ts'
import { issueList } from '../../src/enclave/pki/issue.ts'
import { certificatesIn } from '../../src/enclave/pki/pem.ts'
import { revocationListsIn, serialOf } from '../../src/enclave/pki/revocation-list.ts'
import { answered, furnish, later, NOW, openssl, organisation, PASSPHRASE } from './pki-fixture.ts'
import { certificatesWanted } from '../../src/enclave/engine/certificates.ts'
import { takeUse } from '../../src/enclave/pki/key-pair.ts'
import { writeTrust } from '../../src/enclave/pki/trust-files.ts'

const PROGRAM = new URL('../../ansible/roles/certificates/files/refresh-certificates', import.meta.url).pathname
const PROXY_GID = 2003

/** A host with certificates for two services, and the program that hands them out. */
async function host(t: TestContext, stale: { mode: string; days: number } = { mode: 'refuse', days: 0 }) {
  const made = await organisation(t)
  await furnish(made)
  const tls = join(made.folder, 'tls')
  const metrics = join(made.folder, 'metrics')
  const config = join(made.folder, 'refresh.json')
  await writeFile(
    config,
    JSON.stringify({
      pki: made.paths.pki,
      tls,
      metrics,
      state: join(made.folder, 'state'),
      proxyGid: PROXY_GID,
      stale,
      services: [{ name: 'depot', gid: 0, proxy: false }, { name: 'keycloak', gid: 2001, proxy: true, ends: true }],
    }),
  )
  const run = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(PROGRAM, ['--config', config, ...words], { encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }
  const current = (service: string, file: string): Promise<string> => readFile(join(tls, service, 'current', file), 'utf8')
  const metric = async (name: string): Promise<string[]> =>
    (await readFile(join(metrics, 'certificates.prom'), 'utf8')).split('\n').filter((line) => line.startsWith(name))
  const take = async (issuing: string): Promise<void> => {
    const [root] = revocationListsIn(await readFile(made.files.lists, 'utf8'))
    await revocationsTaken(made.paths, { ...made.question, lists: (root?.pem ?? '') + issuing }, NOW)
  }
  return { ...made, tls, run, current, metric, take }
}

test('each service gets its own files, for its group only; the proxy a copy; a second run changes nothing', async (t) => {
  const { run, tls, current, paths, metric } = await host(t)
  assert.deepEqual(run('--strict'), { status: 0, said: 'new: depot\nnew: keycloak\nnew: proxy/keycloak\nnew: proxy/ca\n' })
  assert.deepEqual(run('--strict'), { status: 0, said: '' })
  assert.equal(run('--check').status, 0)
  assert.equal(await current('keycloak', 'key.pem'), await readFile(join(paths.pki, 'keycloak/key.pem'), 'utf8'))
  assert.deepEqual((await readdir(join(tls, 'keycloak/current'))).toSorted(), ['ca.pem', 'cert.pem', 'crl.pem', 'ends.json', 'key.pem', 'key.pk8', 'revoked.json'])
  assert.deepEqual(await readdir(join(tls, 'depot/current')).then((names) => names.includes('ends.json')), false)
  assert.deepEqual(JSON.parse(await current('keycloak', 'ends.json')), { ends: [] })
  for (const [path, mode, gid] of [['keycloak', 0o750, 2001], ['keycloak/current/key.pem', 0o640, 2001], ['proxy/keycloak/current/key.pem', 0o640, PROXY_GID], ['depot/current/key.pk8', 0o640, 0]] as const) {
    const about = await stat(join(tls, path))
    assert.deepEqual([about.mode & 0o777, about.gid, about.uid], [mode, gid, 0], path)
  }
  assert.deepEqual([await current('keycloak', 'crl.pem'), JSON.parse(await current('keycloak', 'revoked.json'))], ['', { revoked: [] }])
  openssl(['pkey', '-inform', 'DER', '-in', join(tls, 'keycloak/current/key.pk8'), '-noout'])
  const [end] = await metric('sallyport_certificate_not_after_seconds{service="keycloak"}')
  const leaf = certificatesIn(await current('keycloak', 'cert.pem'))[0]
  assert.equal(Number(end?.split(' ')[1]), Number(leaf?.validToDate) / 1000)
})

test('files that somebody changed or whose rights were opened are put right', async (t) => {
  const { run, tls, current } = await host(t)
  run('--strict')
  await chmod(join(tls, 'keycloak/current/key.pem'), 0o644)
  assert.equal(run('--check').status, 1)
  assert.match(run('--strict').said, /^new: keycloak\n$/)
  await writeFile(join(tls, 'keycloak/current/ca.pem'), 'mine')
  run()
  assert.match(await current('keycloak', 'ca.pem'), /BEGIN CERTIFICATE/)
})

test('a renewed pair is swapped in by one rename, and only that service is told', async (t) => {
  const { run, tls, current, paths, question, issuer } = await host(t)
  await mkdir(join(tls, 'reload.d'), { recursive: true })
  for (const service of ['depot', 'keycloak'])
    await writeFile(join(tls, 'reload.d', service), `#!/bin/sh\necho ${service} >> ${tls}/told\n`, { mode: 0o755 })
  run('--strict')
  const before = await readlink(join(tls, 'keycloak/current'))
  await rm(join(tls, 'told'))
  const [request] = await certificatesWanted(paths, { ...question, services: ['keycloak'], renew: ['keycloak'] }, NOW)
  assert.ok(request)
  assert.equal(run().said, '', 'asking alone changes nothing')
  await takeUse(paths, 'keycloak', await answered(issuer, request))
  assert.match(run().said, /^new: keycloak\nnew: proxy\/keycloak\n$/)
  assert.notEqual(await readlink(join(tls, 'keycloak/current')), before)
  assert.equal(await readFile(join(tls, 'told'), 'utf8'), 'keycloak\n')
  openssl(['pkey', '-in', join(tls, 'keycloak/current/key.pem'), '-noout'])
  assert.equal(await current('keycloak', 'cert.pem'), await readFile(join(paths.pki, 'keycloak/cert.pem'), 'utf8'))
  assert.equal((await readdir(join(tls, 'keycloak'))).length, 3, 'current, this generation, the one before')
})

test('a hook that fails is said once and tried again; one that others can write is never run', async (t) => {
  const { run, tls } = await host(t)
  await mkdir(join(tls, 'reload.d'), { recursive: true })
  const hook = join(tls, 'reload.d/keycloak')
  await writeFile(hook, `#!/bin/sh\ntest -e ${tls}/up || { echo 'no such unit' >&2; exit 3; }\n`, { mode: 0o755 })
  assert.match(run().said, /ended with 3: no such unit; it is tried again/)
  assert.equal(run().said, '', 'not every twenty seconds')
  await writeFile(join(tls, 'up'), '')
  assert.equal(run().said, '')
  await writeFile(hook, `#!/bin/sh\ntouch ${tls}/owned\n`)
  await chmod(hook, 0o777)
  await chmod(join(tls, 'keycloak/current/key.pem'), 0o600)
  assert.match(run().said, /is not run: others than root can write it/)
  await assert.rejects(stat(join(tls, 'owned')))
})

test('a certificate that does not fit its key, or has expired, never takes the place of a good one', async (t) => {
  const { run, current, paths, issuer, question } = await host(t)
  run('--strict')
  const good = await current('keycloak', 'cert.pem')
  const at = join(paths.pki, 'keycloak/cert.pem')
  await writeFile(at, await readFile(join(paths.pki, 'depot/cert.pem')))
  const strict = run('--strict')
  assert.deepEqual([strict.status, /keycloak\/cert\.pem does not belong to .*key\.pem; the one in use stays/.test(strict.said)], [1, true])
  assert.equal(run().status, 0, 'the timer goes on with the rest')
  await writeFile(at, good)
  assert.equal(run('--strict').status, 0)
  const [request] = await certificatesWanted(paths, { ...question, services: ['keycloak'], renew: ['keycloak'] }, NOW)
  assert.ok(request)
  await takeUse(paths, 'keycloak', await answered(issuer, request, { days: -0.01 }))
  assert.match(run('--strict').said, /has expired; the one in use stays/)
  assert.equal(await current('keycloak', 'cert.pem'), good)
  await rm(join(paths.pki, 'depot'), { recursive: true })
  assert.match(run('--strict').said, /depot: .*pki\/depot lacks key\.pem: the engine has not got a certificate for it yet; the one in use stays/)
})

test('a host that has nothing for a service says so, and fails in the role', async (t) => {
  const { run, paths } = await host(t)
  await rm(join(paths.pki, 'keycloak'), { recursive: true })
  const { status, said } = run('--strict')
  assert.deepEqual([status, /keycloak: .*lacks key\.pem: .*; nothing can be handed out/.test(said)], [1, true])
  await rm(join(paths.pki, 'ca.pem'))
  assert.match(run('--strict').said, /ca\.pem is absent: the engine puts it there/)
})

test('revoked serials are handed to the proxy and to services, in both notations', async (t) => {
  const { run, current, take, issuer, paths } = await host(t)
  const serial = serialOf(certificatesIn(await readFile(join(paths.pki, 'depot/cert.pem'), 'utf8'))[0]?.serialNumber ?? '')
  await take(await issueList(issuer, { revoked: [{ serial, date: NOW.toISOString(), reason: 'superseded' }], number: 2n, days: 7, now: NOW }))
  run('--strict')
  assert.equal((await current('keycloak', 'crl.pem')).match(/BEGIN X509 CRL/g)?.length, 2)
  const text = await current('proxy/ca', 'revoked.json')
  const { revoked } = JSON.parse(text) as { revoked: { serial: string; decimal: string; issuer: string }[] }
  assert.deepEqual(revoked, [{ serial, decimal: BigInt(`0x${serial}`).toString(), issuer: 'O=Demo,CN=Demo Issuing CA' }])
  assert.ok(text.split('\n').some((line) => line.startsWith(`{"serial": "${serial}"`)), 'one entry a line')
})

for (const { mode, days, late, empty } of [
  { mode: 'refuse', days: 0, late: 1, empty: false },
  { mode: 'continue', days: 5, late: 3, empty: true },
  { mode: 'continue', days: 5, late: 6, empty: false },
])
  test(`a list out of date for ${late} day(s), stated choice ${mode} for ${days}: ${empty ? 'goes on by serials' : 'refuses'}`, async (t) => {
    const { run, current, take, issuer, metric } = await host(t, { mode, days })
    const made = later(-20)
    await take(await issueList(issuer, { revoked: [{ serial: 'abcdef', date: made.toISOString(), reason: 'keyCompromise' }], number: 2n, days: 20 - late, now: made }))
    const { status, said } = run('--strict')
    assert.equal(status, 0)
    assert.match(said, empty ? /out of date since .*: connections go on until/ : /out of date since .*: every certificate it speaks for is refused/)
    assert.equal((await current('keycloak', 'crl.pem')) === '', empty)
    assert.match(await current('keycloak', 'revoked.json'), /"serial": "abcdef"/)
    assert.deepEqual((await metric('sallyport_crl_stale')).map((line) => line.slice(-1)).toSorted(), ['0', '1'])
  })

test('a partner’s list out of date refuses the partner alone, whatever the choice', async (t) => {
  const { run, current, files, paths, question, roots, issuing, metric } = await host(t, { mode: 'continue', days: 30 })
  const ally = files.partners['ally']
  assert.ok(ally)
  const partners = await readFile(ally.cross, 'utf8')
  await writeTrust(paths, { roots, issuing, partners })
  const made = later(-9)
  const own = await readFile(files.lists, 'utf8')
  const theirs = await issueList(await openIssuer(ally, PASSPHRASE, NOW), { revoked: [], number: 1n, days: 2, now: made })
  await revocationsTaken(paths, { ...question, partners, lists: own + theirs }, NOW)
  assert.match(run('--strict').said, /CN=Ally CA,O=Ally is out of date .*: every certificate it speaks for is refused/)
  assert.equal((await current('keycloak', 'crl.pem')).match(/BEGIN X509 CRL/g)?.length, 3)
  assert.equal((await metric('sallyport_crl_stale')).filter((line) => line.endsWith(' 1')).length, 1)
})
