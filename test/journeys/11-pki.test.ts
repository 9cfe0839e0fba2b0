import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { sallyport, succeed, type Ended } from '../../src/demo/sallyport.ts'
import { labDown, labList, labUp, type Lab } from '../../src/lab/lab.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { onHost } from './shared/enclave.ts'
import { openOffice, openssl, readRequestFile, type Office } from './shared/office.ts'
import { smallDefinition } from './shared/small-definition.ts'
import { at, passphraseFile, publisher, signedBundle } from './shared/workshop.ts'

const NAME = `${TEST_LAB_PREFIX}pki`
const DOMAIN = 'pki.example'
const REFUSED_WITHIN_S = 60

interface Status {
  readonly certificates: { host: string; service: string; state: string; serial?: string; waiting?: { since: string } }[]
  readonly due: string[]
}

describe('an organisation’s PKI that takes its time, and goes on being asked', () => {
  const site = at('pki-site')
  const answers = at('pki-answers')
  const inSite = (...parts: string[]): string => join(site, ...parts)
  let lab: Lab
  let bundle = ''
  let office: Office
  let caller: { key: string; certificate: string }

  before(async () => {
    for (const one of await labList()) if (one.name === NAME) await labDown(NAME)
    for (const path of ['pki-site', 'pki-answers', 'pki-office', 'pki-definition']) rmSync(at(path), { recursive: true, force: true })
    bundle = await signedBundle(smallDefinition('pki-definition', ['postgresql']), 'pki-bundle')
    office = openOffice(at('pki-office'))
    lab = await labUp({ name: NAME, hosts: 1 })
    const [host] = lab.hosts
    const policy = (await publisher()).policy
    const key = createHash('sha256').update(Buffer.from(host?.hostKeys[0]?.split(' ')[1] ?? '', 'base64')).digest('base64').replace(/=+$/, '')
    await succeed([
      ...['site', 'init', site, '--name', 'pki', '--domain', DOMAIN, '--roles', 'h1=depot,postgresql', '--identity', lab.identity],
      ...['--host', `h1=${host?.address}`, '--host-key', `h1=SHA256:${key}`, '--ca', office.root],
      ...['--policy', policy, '--policy-digest', (await readPolicy(policy)).digest],
    ])
  })
  after(async () => {
    if (process.env['SALLYPORT_KEEP_LAB'] === undefined) await labDown(NAME)
  })

  /** As an operator in the enclave: by the bundle's own executable. */
  const ask = (...words: string[]): Promise<Ended> => sallyport([...words, '--site', site], { executable: join(bundle, 'sallyport'), onLine: (line) => console.log(`    ${line}`) })
  const must = async (...words: string[]): Promise<unknown> => {
    const { exit, stderr, result } = await ask(...words)
    assert.equal(exit, 0, stderr)
    return result
  }
  const install = (): Promise<Ended> => ask('install', bundle, '--yes')
  const status = async (): Promise<Status> => (await must('certificates', 'status')) as Status
  const file = (): string => inSite('requests', 'pki-requests.txt')

  test('the plan waits: one file goes out, readable, and no key in anything outside the host', async () => {
    const ended = await install()
    assert.deepEqual([ended.exit, ended.error?.code], [12, 'E_WAITING_FOR_CERTIFICATES'], ended.stderr)
    const asked = readRequestFile(file())
    assert.deepEqual(asked.map(({ host, service }) => `${service} on ${host}`), ['depot on h1', 'host on h1', 'postgresql on h1', 'postgresql-exporter on h1'])
    const [, digest] = /sha512 {4}([0-9a-f]{128})/.exec(readFileSync(file(), 'utf8')) ?? []
    assert.equal(createHash('sha512').update(readFileSync(file(), 'utf8').split('\n').slice(13).join('\n')).digest('hex'), digest)
    for (const path of readdirSync(site, { recursive: true, encoding: 'utf8' }))
      if (/\.(txt|json|pem|yaml)$/.test(path)) assert.doesNotMatch(readFileSync(inSite(path), 'utf8'), /PRIVATE KEY/, path)
    const { certificates } = await status()
    assert.deepEqual(certificates.map((one) => one.state), ['waiting', 'waiting', 'waiting', 'waiting'])
    const again = await install()
    assert.equal(again.exit, 12, 'weeks later it still waits, and asks for the same')
    assert.deepEqual(readRequestFile(file()), asked)
  })

  test('a faulty answer is refused with every reason while the good one beside it is taken', async () => {
    mkdirSync(answers, { recursive: true })
    const asked = readRequestFile(file())
    const depot = asked.find(({ service }) => service === 'depot')
    const own = asked.find(({ service }) => service === 'host')
    assert.ok(depot && own)
    copyFileSync(office.issue({ ...depot, names: `${depot.names}, DNS:keycloak.${DOMAIN}` }, 'too-much'), join(answers, '1.crt'))
    cpSync(office.issuing, join(answers, 'ca.pem'))
    copyFileSync(office.issue(own, 'host'), join(answers, '2.crt'))
    const ended = await ask('certificates', 'import', answers)
    assert.equal(ended.error?.code, 'E_CERTIFICATE', ended.stderr)
    assert.match(ended.stderr, /1\.crt: for depot on h1: it carries the name keycloak\.pki\.example, which was not asked for/)
    assert.match(ended.stderr, /still missing: depot on h1/)
    const { certificates } = await status()
    assert.deepEqual(certificates.map(({ service, state }) => `${service} ${state}`), ['host good', 'depot waiting', 'postgresql waiting', 'postgresql-exporter waiting'])
  })

  test('the rest comes in another order, as DER and PKCS#7 under any name, and the installation goes on', async () => {
    rmSync(answers, { recursive: true })
    mkdirSync(answers)
    const asked = readRequestFile(file())
    assert.equal(asked.length, 3)
    const issued = asked.toReversed().map((one) => office.issue(one, one.service))
    const [exporter = '', postgresql = '', depot = ''] = issued
    openssl('crl2pkcs7', '-nocrl', '-certfile', exporter, '-certfile', office.issuing, '-out', join(answers, 'antwort.p7b'))
    openssl('x509', '-in', postgresql, '-outform', 'DER', '-out', join(answers, 'AA 01'))
    const first = (await must('certificates', 'import', answers)) as { taken: string[]; missing: { service: string }[] }
    assert.deepEqual([first.taken.toSorted(), first.missing.map((one) => one.service)], [['postgresql on h1', 'postgresql-exporter on h1'], ['depot']])
    copyFileSync(depot, join(answers, 'last'))
    const second = (await must('certificates', 'import', answers)) as { taken: string[]; missing: unknown[] }
    assert.deepEqual([second.taken, second.missing], [['depot on h1'], []])
    const ended = await install()
    assert.equal(ended.exit, 0, ended.stderr)
    const { certificates, due } = await status()
    assert.deepEqual(certificates.map((one) => one.state), ['good', 'good', 'good', 'good'])
    assert.deepEqual(due, [])
  })

  test('revocation lists: an incomplete or old set is refused, a whole one is in force within a minute', async () => {
    caller = office.caller('host', [`host.${DOMAIN}`, `h1.host.${DOMAIN}`])
    assert.equal(await depotAnswers(lab, caller), 200)
    const [root = '', issuing = ''] = office.lists(30)
    const lone = await ask('certificates', 'crl', issuing)
    assert.equal(lone.error?.code, 'E_CRL', lone.stderr)
    assert.match(lone.stderr, /Site Root.*: no list/)
    await must('certificates', 'crl', root, issuing)
    const old = at('pki-office', 'old.crl')
    copyFileSync(issuing, old)
    const fresh = office.lists(30)
    await must('certificates', 'crl', ...fresh)
    const back = await ask('certificates', 'crl', old)
    assert.match(back.stderr, /goes back behind/)
    const there = async (): Promise<boolean> => /X509 CRL/.test(await onHost(lab, 'cat /etc/sallyport/tls/postgresql/current/crl.pem'))
    await within(REFUSED_WITHIN_S, there, 'the list did not reach the service')
    assert.equal(await depotAnswers(lab, caller), 200, 'who is not revoked still gets in')
    assert.equal(await postgresqlTakes(lab, caller), 'takes', 'PostgreSQL too')
  })

  test('a renewed certificate is in use without a restart, and the old one until then', async () => {
    const before = { ...(await running(lab)), shown: await shownSerials(lab) }
    const ended = await ask('certificates', 'renew')
    assert.equal(ended.error?.code, 'E_WAITING_FOR_CERTIFICATES', ended.stderr)
    assert.deepEqual(await shownSerials(lab), before.shown)
    rmSync(answers, { recursive: true })
    mkdirSync(answers)
    for (const one of readRequestFile(file())) copyFileSync(office.issue(one, `renewed-${one.service}`), join(answers, `${one.service}.pem`))
    const started = performance.now()
    await must('certificates', 'import', answers)
    const fresh = async (): Promise<boolean> => Object.entries(await shownSerials(lab)).every(([name, serial]) => serial !== before.shown[name])
    await within(REFUSED_WITHIN_S, fresh, 'the renewed certificates are not shown')
    console.log(`    depot and PostgreSQL show their renewed certificates ${((performance.now() - started) / 1000).toFixed(0)} s after the import began`)
    // nginx holds its key as a systemd credential, which is read once: it alone is started anew.
    assert.equal((await running(lab)).postgresql, before.postgresql)
    assert.equal(await depotAnswers(lab, caller), 200)
  })

  test('a revoked caller is refused by the depot and by PostgreSQL within a minute, without a restart', async () => {
    const before = await running(lab)
    office.revoke(at('pki-office', 'caller-host.pem'))
    const lists = office.lists(30)
    const started = performance.now()
    await must('certificates', 'crl', ...lists)
    await within(REFUSED_WITHIN_S, async () => (await depotAnswers(lab, caller)) !== 200 && (await postgresqlTakes(lab, caller)) !== 'takes', 'the revoked caller is still taken')
    console.log(`    a revoked caller was refused everywhere after ${((performance.now() - started) / 1000).toFixed(0)} s`)
    assert.match(await postgresqlTakes(lab, caller), /revoked/i)
    assert.deepEqual(await running(lab), before)
    const other = office.caller('host', [`host.${DOMAIN}`, `h1.host.${DOMAIN}`])
    assert.equal(await depotAnswers(lab, other), 200, 'who is not revoked still gets in')
  })

  test('a list out of date refuses everybody, as the site has stated; the timer says so in log and metric', async () => {
    const [root = '', issuing = ''] = office.lists(30)
    openssl('ca', '-config', at('pki-office', 'issuing.cnf'), '-gencrl', '-crlsec', '20', '-out', issuing)
    await must('certificates', 'crl', root, issuing)
    const other = office.caller('host', [`host.${DOMAIN}`])
    await within(REFUSED_WITHIN_S + 20, async () => (await depotAnswers(lab, other)) !== 200, 'the depot goes on with a list out of date')
    const metrics = await onHost(lab, 'sleep 25; cat /var/lib/sallyport/metrics/certificates.prom')
    assert.match(metrics, /sallyport_crl_stale\{issuer="CN=Site Issuing,O=Site Office"\} 1/)
    assert.match(await onHost(lab, 'journalctl -u sallyport-certificates --no-pager -o cat'), /is out of date since .*: every certificate it speaks for is refused/)
    await must('certificates', 'crl', ...office.lists(30))
    await within(REFUSED_WITHIN_S, async () => (await depotAnswers(lab, other)) === 200, 'the next list does not help')
  })

  test('with the issuing CA delegated the station renews and revokes itself, and forgets nothing that was revoked', async () => {
    const secret = ['--ca-passphrase-file', await passphraseFile()]
    const text = readFileSync(inSite('site.yaml'), 'utf8')
    const issuing = 'issuing: {certificate: pki/issuing.pem, key: pki/issuing-key.pem}'
    writeFileSync(inSite('site.yaml'), text.replace('mode: waiting-for-certificates', `mode: delegated-ca\n  ${issuing}`))
    copyFileSync(office.issuing, inSite('pki/issuing.pem'))
    openssl('pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', at('pki-office', 'issuing.key'), '-out', inSite('pki/issuing-key.pem'), '-passout', `file:${secret[1]}`)
    const other = office.caller('host', [`host.${DOMAIN}`])
    assert.equal(await depotAnswers(lab, other), 200)
    const serial = openssl('x509', '-in', at('pki-office', 'caller-host.pem'), '-noout', '-serial').trim().replace('serial=', '')
    const { lists } = (await must('certificates', 'revoke', serial, '--reason', 'superseded', ...secret)) as { lists: { issuer: string; revoked: number }[] }
    assert.ok((lists.find(({ issuer }) => issuer.includes('Issuing'))?.revoked ?? 0) >= 2, 'the one that the office revoked stays')
    await within(REFUSED_WITHIN_S, async () => (await depotAnswers(lab, other)) !== 200, 'the revoked caller is still taken')
    assert.notEqual(await depotAnswers(lab, caller), 200)
    const before = (await status()).certificates.find(({ service }) => service === 'postgresql')?.serial
    await must('certificates', 'renew', '--service', 'postgresql', ...secret)
    const after = (await status()).certificates.find(({ service }) => service === 'postgresql')
    assert.equal(after?.state, 'good')
    assert.notEqual(after?.serial, before)
    await must('certificates', 'revoke', '--service', 'postgresql', '--host', 'h1', ...secret)
    const revoked = (await status()).certificates.find(({ service }) => service === 'postgresql')
    assert.equal(revoked?.state, 'cannot be used')
    await must('certificates', 'renew', '--service', 'postgresql', ...secret)
    assert.deepEqual((await status()).due, [])
  })

  test('the roles change nothing when they run again', async () => {
    const plan = (await onHost(lab, 'ls -t /var/lib/sallyport/journal | head -1')).trim()
    const folder = `/var/lib/sallyport/journal/${plan}`
    // The certificate of the test before this one may not have been taken up yet: the timer does so every few seconds.
    await onHost(lab, 'systemctl start sallyport-certificates.service')
    const said = await onHost(lab, `cd /var/lib/sallyport/current/iac/ansible && ansible-playbook -i ${folder}/inventory.json -e @${folder}/variables-site.json site.yml 2>&1`)
    assert.match(said, /h1 .*failed=0/, said.slice(-3000))
    const changed = said.split(/^TASK /m).filter((task) => /^changed: /m.test(task))
    assert.deepEqual(changed, [])
  })
})


async function within(seconds: number, ask: () => Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!(await ask())) {
    if (performance.now() > end) assert.fail(`${otherwise} within ${seconds} s`)
    await pause(2000)
  }
}

/** Status of the depot's answer to a caller on this machine, or why there was none. */
async function depotAnswers(lab: Lab, { key, certificate }: { key: string; certificate: string }): Promise<number | string> {
  const ca = readFileSync(at('pki-office', 'root.pem'))
  return new Promise((resolve) => {
    const options = { host: lab.hosts[0]?.address, port: 8443, path: '/v2/', servername: `depot.${DOMAIN}`, headers: { host: `depot.${DOMAIN}:8443` }, ca, key, cert: certificate, agent: false }
    const asked = request(options, (answer) => {
      answer.resume()
      answer.on('close', () => resolve(answer.statusCode ?? 0))
    })
    asked.on('error', (error) => resolve(error.message))
    asked.end()
  })
}

/** Whether PostgreSQL takes a caller's certificate in its TLS handshake, or what it says. */
async function postgresqlTakes(lab: Lab, { key, certificate }: { key: string; certificate: string }): Promise<string> {
  const sent = Buffer.from(JSON.stringify({ key, certificate, ca: readFileSync(at('pki-office', 'root.pem'), 'utf8') })).toString('base64')
  const work = '/run/pki-journey'
  const script = `install -d -m 0700 ${work} && cd ${work} && echo ${sent} | base64 -d > sent.json &&
    python3 -c 'import json; d = json.load(open("sent.json")); [open(n, "w").write(d[n]) for n in d]' &&
    (sleep 2; printf '\\000\\000\\000\\004') | timeout 10 openssl s_client -starttls postgres -connect 127.0.0.1:15432 -servername postgresql.${DOMAIN} -CAfile ca -cert certificate -cert_chain certificate -key key -verify_return_error 2>&1; rm -rf ${work}`
  const said = await onHost(lab, script)
  const refusal = /alert [a-z ]+/.exec(said)?.[0] ?? /Verify return code: (?!0 )\d+.*/.exec(said)?.[0]
  return refusal ?? (/Verify return code: 0/.test(said) ? 'takes' : said.slice(-400))
}

/** Serials that the depot and PostgreSQL show to a caller. */
async function shownSerials(lab: Lab): Promise<Record<string, string>> {
  const postgresql = await onHost(lab, `timeout 10 openssl s_client -starttls postgres -connect 127.0.0.1:15432 -servername postgresql.${DOMAIN} </dev/null 2>/dev/null | openssl x509 -noout -serial`)
  const depot = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: lab.hosts[0]?.address ?? '', port: 8443, servername: `depot.${DOMAIN}`, ca: readFileSync(at('pki-office', 'root.pem')) }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
  return { depot, postgresql: postgresql.trim() }
}

/** When nginx and PostgreSQL were started: a reload changes neither. */
async function running(lab: Lab): Promise<{ nginx: string; postgresql: string }> {
  const nginx = await onHost(lab, 'systemctl show nginx --property=ExecMainPID,ExecMainStartTimestamp')
  const postgresql = await onHost(lab, "podman inspect postgresql --format '{{.Id}} {{.State.StartedAt}}'")
  return { nginx, postgresql }
}
