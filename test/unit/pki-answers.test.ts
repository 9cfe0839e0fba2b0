import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { certificatesWanted } from '../../src/enclave/engine/certificates.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { newAuthority, openIssuer } from '../../src/enclave/pki/authority.ts'
import { readInbox } from '../../src/enclave/pki/inbox.ts'
import { issue, issueList } from '../../src/enclave/pki/issue.ts'
import { matchAnswers, strangerFault } from '../../src/enclave/pki/match.ts'
import { certificatesIn } from '../../src/enclave/pki/pem.ts'
import { requestText } from '../../src/enclave/pki/request-file.ts'
import { revocationListsIn, serialOf } from '../../src/enclave/pki/revocation-list.ts'
import { answered, later, newKey, NOW, openssl, organisation, PASSPHRASE } from './pki-fixture.ts'

/** Two hosts that wait, and an empty folder for the answers. */
async function waiting(t: TestContext) {
  const made = await organisation(t)
  const inbox = join(made.folder, 'inbox')
  await mkdir(inbox)
  const first = await certificatesWanted(made.paths, made.question, NOW)
  const second = await certificatesWanted(hostPaths(join(made.folder, 'h2')), { ...made.question, host: 'h2' }, NOW)
  const requests = [...first, ...second]
  const put = (name: string, content: string | Buffer): Promise<void> => writeFile(join(inbox, name), content)
  const match = async (lists = '') =>
    matchAnswers(await readInbox(inbox), requests, { ...made.rule, issuing: [], lists: revocationListsIn(lists) })
  return { ...made, inbox, requests, put, match }
}

const der = (pem: string): Buffer => Buffer.from(certificatesIn(pem)[0]?.raw ?? [])
const shown = (requests: readonly { service: string; host: string }[]): string[] => requests.map(({ service, host }) => `${service} on ${host}`)

test('the requests of all hosts leave as one text: header, fingerprints, PEM, no key, the same bytes every time', async (t) => {
  const { requests } = await waiting(t)
  const text = requestText({ site: 'demo', domain: 'demo.example', requests })
  assert.equal(requestText({ site: 'demo', domain: 'demo.example', requests: requests.toReversed() }), text)
  assert.match(text, /^Certificate requests of a Sallyport site\n {2}site {6}demo, domain demo\.example\n {2}date {6}20.*Z\n {2}requests {2}4\n/)
  const body = text.split('\n').slice(13).join('\n')
  assert.match(text, new RegExp(`sha512 {4}${createHash('sha512').update(body).digest('hex')}`), 'tail -n +14 | sha512sum gives the digest')
  assert.match(text, /Request 4 of 4\n {2}host {6}h2\n {2}service {3}keycloak\n {2}subject {3}CN=keycloak\n {2}names {5}DNS:keycloak\.demo\.example, DNS:h2\.keycloak\.demo\.example\n/)
  assert.doesNotMatch(text, /PRIVATE KEY/)
  for (const { request, fingerprint } of requests) {
    const said = openssl(['req', '-noout', '-text', '-verify', '-pubkey'], request)
    assert.match(said, /secp384r1/)
    assert.match(said, /TLS Web Server Authentication, TLS Web Client Authentication/)
    assert.ok(text.includes(fingerprint))
  }
  const leaking = requests.map((one) => ({ ...one, reason: '-----BEGIN EC PRIVATE KEY-----' }))
  assert.throws(() => requestText({ site: 'demo', domain: 'demo.example', requests: leaking }), /private key was about to leave/)
})

test('answers come in portions, in any order, under any names, as PEM, DER, bundles and PKCS#7', async (t) => {
  const { requests, put, match, issuer, issuing, roots, inbox } = await waiting(t)
  const [depot1, keycloak1, depot2, keycloak2] = requests
  assert.ok(depot1 && keycloak1 && depot2 && keycloak2)
  assert.deepEqual(shown((await match()).missing), ['depot on h1', 'keycloak on h1', 'depot on h2', 'keycloak on h2'])
  const leafOnly = (chain: string): string => chain.replace(issuing, '')
  await put('Zertifikat (1).CER', der(await answered(issuer, keycloak2)))
  await mkdir(join(inbox, 'from the office'))
  await put('from the office/readme.crt', `some words of the office\n${roots}${issuing}${leafOnly(await answered(issuer, depot1))}bye\n`)
  const first = await match()
  assert.deepEqual(shown(first.answers.map((one) => one.request)), ['keycloak on h2', 'depot on h1'])
  assert.deepEqual(shown(first.missing), ['keycloak on h1', 'depot on h2'])
  assert.deepEqual(first.faults, [])
  const one = join(inbox, '..', 'one.pem')
  await writeFile(one, (await answered(issuer, keycloak1)) + roots)
  await put('bundle.p7b', openssl(['crl2pkcs7', '-nocrl', '-certfile', one]))
  await put('no ending', leafOnly(await answered(issuer, depot2)))
  const both = await match()
  assert.deepEqual([both.answers.length, both.missing.length, both.faults], [4, 0, []])
  for (const { chain } of both.answers) assert.equal(certificatesIn(chain).length, 2, 'leaf and issuing CA, without the root')
})

test('issued twice, the one that lives longest is taken', async (t) => {
  const { requests, put, match, issuer } = await waiting(t)
  const [depot] = requests
  assert.ok(depot)
  for (const days of [30, 90, 60]) await put(`${days}.pem`, await answered(issuer, depot, { days }))
  const { answers } = await match()
  assert.deepEqual(answers.map((one) => one.file), ['90.pem'])
})

test('every fault of every file is named at once, and the good file among them is taken', async (t) => {
  const { requests, put, match, issuer, folder } = await waiting(t)
  const [depot1, keycloak1, depot2, keycloak2] = requests
  assert.ok(depot1 && keycloak1 && depot2 && keycloak2)
  const other = await newAuthority(join(folder, 'other'), { organisation: 'Other', passphrase: PASSPHRASE, now: NOW })
  const foreign = await openIssuer(other, PASSPHRASE, NOW)
  const expired = await answered(issuer, depot1, { days: -0.01 })
  const revoked = await answered(issuer, keycloak2)
  await put('good.pem', await answered(issuer, keycloak1))
  await put('wrong chain.pem', await answered(foreign, depot1))
  await put('wrong purpose.pem', await answered(issuer, depot1, { usage: ['client'] }))
  await put('name more.pem', await answered(issuer, depot1, { dnsNames: [...depot1.names, 'control-plane.demo.example'] }))
  await put('swapped.pem', await answered(issuer, depot2, { dnsNames: depot1.names }))
  await put('expired.pem', expired)
  await put('other key.pem', await issue(issuer, { publicKey: newKey().publicKey, subject: 'CN=depot', dnsNames: depot1.names, usage: ['server', 'client'], days: 9, now: NOW }))
  await put('revoked.pem', revoked)
  await put('cut.pem', (await answered(issuer, depot1)).slice(0, 700))
  await put('cut.der', der(await answered(issuer, depot1)).subarray(0, 300))
  await put('key.pem', newKey().privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await put('empty', '')
  await put('letter.txt', 'Dear operator, find attached')
  const list = await issueList(issuer, { revoked: [{ serial: serialOf(certificatesIn(revoked)[0]?.serialNumber ?? ''), date: NOW.toISOString(), reason: 'keyCompromise' }], number: 2n, days: 7, now: NOW })
  const { answers, missing, faults, strangers } = await match(list)
  assert.deepEqual(shown(answers.map((one) => one.request)), ['keycloak on h1'])
  assert.deepEqual(shown(missing), ['depot on h1', 'depot on h2', 'keycloak on h2'])
  const text = faults.join('\n')
  for (const expected of [
    /^wrong chain\.pem: for depot on h1: .* not issued by a root/m,
    /^wrong purpose\.pem: for depot on h1: it is not for TLS server/m,
    /^name more\.pem: .* carries the name control-plane\.demo\.example, which was not asked for/m,
    /^swapped\.pem: for depot on h2: it does not carry the name h2\.depot\.demo\.example/m,
    /^swapped\.pem: for depot on h2: it carries the name h1\.depot\.demo\.example, which was not asked/m,
    /^expired\.pem: .* is valid /m,
    /^revoked\.pem: for keycloak on h2: CN=keycloak \(serial [0-9a-f]+\) was revoked on /m,
    /^cut\.pem: cut off within a certificate/m,
    /^cut\.der: neither a certificate nor a bundle/m,
    /^key\.pem: a private key is in it/m,
    /^empty: /m,
    /^letter\.txt: /m,
  ])
    assert.match(text, expected)
  assert.match(strangers.map(strangerFault).join(), /^other key\.pem: CN=depot is for no key that is waiting/)
  assert.ok(!text.includes('good.pem'))
})

test('a certificate that is not valid yet, or of an authority that was revoked or may not issue, is refused', async (t) => {
  const { requests, put, match, issuer } = await waiting(t)
  const [depot] = requests
  assert.ok(depot)
  await put('tomorrow.pem', await answered(issuer, depot, { now: later(2), days: 3 }))
  assert.match((await match()).faults.join(), /is valid .* now is/)
  // A service's certificate that signs another one: no authority, whatever it says.
  const leaf = newKey()
  const own = await issue(issuer, { publicKey: leaf.publicKey, subject: 'CN=depot', usage: ['server', 'client'], days: 9, now: NOW })
  await put('tomorrow.pem', (await answered({ certificate: own, key: leaf.privateKey }, depot)) + issuer.certificate)
  assert.match((await match()).faults.join(), /not issued by a root/)
})

test('10,000 files are read in bounded time, and a huge one is named without being read', async (t) => {
  const { requests, put, match, issuer, inbox } = await waiting(t)
  const [depot] = requests
  assert.ok(depot)
  const stranger = der(await issue(issuer, { publicKey: newKey().publicKey, subject: 'CN=x', usage: ['client'], days: 9, now: NOW }))
  for (let at = 0; at < 10_000; at += 1) await put(`${at}.cer`, stranger)
  await put('5000-and-the-right-one', await answered(issuer, depot))
  await put('huge.pem', '')
  await truncate(join(inbox, 'huge.pem'), 5e12)
  const started = performance.now()
  const { answers, strangers, faults } = await match()
  const seconds = (performance.now() - started) / 1000
  assert.deepEqual([answers.length, strangers.length], [1, 10_000])
  assert.match(faults.join(), /^huge\.pem: larger than 4194304 bytes/)
  assert.ok(seconds < 60, `${seconds} s`)
  t.diagnostic(`10,002 files in ${seconds.toFixed(1)} s`)
})

test('many authorities of one name do not send the search for a root into the woods', async (t) => {
  const { requests, put, match, folder } = await waiting(t)
  const [depot] = requests
  assert.ok(depot)
  const key = newKey()
  const x = join(folder, 'x.pem')
  await writeFile(x, key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const signed = (serial: number): string =>
    openssl(['req', '-x509', '-new', '-key', x, '-subj', '/CN=Demo Issuing CA', '-days', '9', '-set_serial', String(serial)])
  const certificates = Array.from({ length: 30 }, (_, at) => signed(at + 1))
  await put('maze.pem', certificates.join('') + (await answered({ certificate: certificates[0] ?? '', key: key.privateKey }, depot)))
  const started = performance.now()
  assert.match((await match()).faults.join(), /not issued by a root/)
  assert.ok(performance.now() - started < 20_000)
})
