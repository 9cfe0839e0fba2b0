import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificatesHeld, certificatesIssued, certificatesWanted } from '../../src/enclave/engine/certificates.ts'
import type { CertificateEnd } from '../../src/enclave/pki/ends.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { newAuthority, newPerson, openIssuer } from '../../src/enclave/pki/authority.ts'
import { certificateFaults } from '../../src/enclave/pki/check.ts'
import { wantedFor } from '../../src/enclave/pki/identity.ts'
import { issue } from '../../src/enclave/pki/issue.ts'
import { takeUse } from '../../src/enclave/pki/key-pair.ts'
import { answerWithIssuer } from '../../src/enclave/pki/sign.ts'
import { codesOf } from './bundle-fixture.ts'
import { answered, furnish, later, newKey, NOW, organisation, PASSPHRASE } from './pki-fixture.ts'

const [DEPOT] = wantedFor({ host: 'h1', services: ['depot'], domain: 'demo.example' })
assert.ok(DEPOT)

test('keys are made on the host, requests answered by the delegated CA, certificates checked and put in place', async (t) => {
  const made = await organisation(t)
  const { roots, issuing, issuer, paths, question } = made
  const requests = await certificatesWanted(paths, question, NOW)
  assert.deepEqual(requests.map((one) => one.service), ['depot', 'keycloak'])
  assert.deepEqual(await certificatesWanted(paths, question, later(20)), requests, 'the same request for as long as it takes')
  const key = join(paths.pki, 'depot/next/key.pem')
  assert.equal((await stat(key)).mode & 0o777, 0o600)
  const issued = await answerWithIssuer(requests, issuer, 90, NOW)
  assert.deepEqual(await certificatesIssued(paths, { ...question, issued }, NOW), { accepted: ['depot', 'keycloak'], faults: [] })
  const leaf = new X509Certificate(await readFile(join(paths.pki, 'depot/cert.pem')))
  assert.equal(leaf.subject, 'CN=depot')
  assert.equal(leaf.subjectAltName, 'DNS:depot.demo.example, DNS:h1.depot.demo.example')
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1')
  assert.equal((await stat(join(paths.pki, 'depot/key.pem'))).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(join(paths.pki, 'depot')), ['cert.pem', 'key.pem'])
  assert.deepEqual(await certificatesWanted(paths, question, NOW), [], 'nothing is asked for again')
  assert.equal(await readFile(join(paths.pki, 'ca.pem'), 'utf8'), roots + issuing)
})

test('a host is told when certificates of its site end: of two with one number the earlier counts, and old ones go', async (t) => {
  const { paths, question } = await organisation(t)
  const end = (serial: string, days: number): CertificateEnd => ({ serial, decimal: String(Number(`0x${serial}`)), notAfter: later(days).toISOString() })
  const told = async (ends: readonly CertificateEnd[], now = NOW): Promise<string[]> => {
    assert.deepEqual(await certificatesIssued(paths, { ...question, ends, issued: [] }, now), { accepted: [], faults: [] })
    const { ends: held } = JSON.parse(await readFile(join(paths.pki, 'ends.json'), 'utf8')) as { ends: CertificateEnd[] }
    return held.map(({ decimal, notAfter }) => `${decimal} ${notAfter.slice(0, 10)}`)
  }
  const day = (days: number): string => later(days).toISOString().slice(0, 10)
  assert.deepEqual(await told([end('ab', 9), end('1f', 3)]), [`31 ${day(3)}`, `171 ${day(9)}`])
  assert.deepEqual(await told([end('ab', 8)]), [`31 ${day(3)}`, `171 ${day(8)}`], 'what was known stays')
  assert.deepEqual(await told([end('ab', 9)], later(5)), [`171 ${day(8)}`])
  assert.deepEqual(await told([]), [`171 ${day(8)}`])
})

test('with SPIFFE the service carries its URI too, and one without it is asked for anew', async (t) => {
  const made = await organisation(t)
  await furnish(made)
  const question = { ...made.question, identity: 'spiffe' as const }
  const [request] = await certificatesWanted(made.paths, question, NOW)
  assert.equal(request?.uri, 'spiffe://demo.example/depot')
  assert.match(request.reason, /does not carry the name spiffe:/)
  await furnish({ ...made, question })
  const leaf = new X509Certificate(await readFile(join(made.paths.pki, 'depot/cert.pem')))
  assert.equal(leaf.subjectAltName, 'DNS:depot.demo.example, DNS:h1.depot.demo.example, URI:spiffe://demo.example/depot')
})

test('a renewal has a new key, and the old pair stays in use until the answer is there', async (t) => {
  const made = await organisation(t)
  const { paths, question, issuer } = made
  await furnish(made)
  const read = async (): Promise<string[]> => Promise.all(['key.pem', 'cert.pem'].map((name) => readFile(join(paths.pki, 'keycloak', name), 'utf8')))
  const before = await read()
  assert.equal((await certificatesWanted(paths, question, later(70))).length, 2, 'in the last third of its life a certificate is renewed')
  const asked = await certificatesWanted(paths, { ...question, services: ['keycloak'], renew: ['keycloak'] }, NOW)
  assert.equal(asked.length, 1)
  assert.deepEqual(await read(), before)
  const [held] = (await certificatesHeld(paths, { ...question, services: ['keycloak'] }, NOW)).services
  assert.deepEqual([held?.faults, held?.waiting?.since !== undefined], [[], true])
  await certificatesIssued(paths, { ...question, issued: await answerWithIssuer(asked, issuer, 90, NOW) }, NOW)
  const after = await read()
  assert.notEqual(after[0], before[0])
  assert.notEqual(after[1], before[1])
})

test('a power cut while key and certificate change places is made good by the next look', async (t) => {
  const made = await organisation(t)
  const { paths, question, issuer } = made
  await furnish(made)
  const at = join(paths.pki, 'depot')
  for (const cut of ['before the key', 'after the key'] as const) {
    const asked = await certificatesWanted(paths, { ...question, services: ['depot'], renew: ['depot'] }, NOW)
    const [answer] = await answerWithIssuer(asked, issuer, 90, NOW)
    await writeFile(join(at, 'next/cert.pem'), answer?.chain ?? '')
    if (cut === 'after the key') await rename(join(at, 'next/key.pem'), join(at, 'key.pem'))
    const { services } = await certificatesHeld(paths, { ...question, services: ['depot'] }, NOW)
    assert.deepEqual([services[0]?.faults, services[0]?.waiting], [[], undefined], cut)
    assert.equal(await readFile(join(at, 'cert.pem'), 'utf8'), answer?.chain)
  }
})

test('what does not fit is refused with every reason, and the good ones are taken all the same', async (t) => {
  const { roots, issuer, issuing, paths, question, folder } = await organisation(t)
  const requests = await certificatesWanted(paths, question, NOW)
  const [depot, keycloak] = await answerWithIssuer(requests, issuer, 90, NOW)
  assert.ok(depot && keycloak)
  const swapped = [{ service: 'depot', chain: keycloak.chain }, keycloak, { service: 'oracle', chain: depot.chain }]
  const { accepted, faults } = await certificatesIssued(paths, { ...question, issued: swapped }, NOW)
  assert.deepEqual(accepted, ['keycloak'])
  assert.match(faults.join('\n'), /depot: it belongs to another key\ndepot: its common name is keycloak, not depot\ndepot: it does not carry the name depot/)
  assert.match(faults.join('\n'), /oracle: is no service of this host/)
  const again = await certificatesIssued(paths, { ...question, issued: [keycloak] }, NOW)
  assert.deepEqual(again.faults, ['keycloak: no certificate is awaited for it'])
  const other = await newAuthority(join(folder, 'other'), { organisation: 'Other', passphrase: PASSPHRASE, now: NOW })
  const faultsOf = (chain: string, under = roots, now = NOW): string => certificateFaults(chain, under, { wanted: DEPOT, now }).join('\n')
  assert.equal(faultsOf(depot.chain), '')
  assert.match(faultsOf(depot.chain, await readFile(other.root, 'utf8')), /not issued by a root of the organisation/)
  assert.match(faultsOf(depot.chain, roots, later(91)), /is valid .* now is/)
  assert.match(faultsOf(depot.chain, roots, later(-1)), /is valid .* now is/)
  assert.match(faultsOf('nothing'), /no certificate/)
  assert.match(faultsOf(depot.chain.replace(issuing, '')), /not issued by a root/)
  assert.match(faultsOf('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'), /not X\.509/)
  assert.match(faultsOf(issuing), /it is a CA’s certificate/)
})

test('a leaf with a name, a purpose or a key that nobody asked for is refused', async (t) => {
  const { roots, issuer, paths, question } = await organisation(t)
  const [request] = await certificatesWanted(paths, question, NOW)
  assert.ok(request)
  const faultsOf = async (change: Parameters<typeof answered>[2]): Promise<string> =>
    certificateFaults(await answered(issuer, request, change), roots, { wanted: DEPOT, now: NOW }).join('\n')
  assert.equal(await faultsOf({}), '')
  assert.equal(await faultsOf({ subject: 'CN=depot,O=Demo,C=US' }), '', 'what an organisation adds to the subject is its own')
  assert.match(await faultsOf({ dnsNames: [...request.names, 'keycloak.demo.example'] }), /carries the name keycloak\.demo\.example, which was not asked/)
  assert.match(await faultsOf({ dnsNames: [...request.names, '*.demo.example'] }), /\*\.demo\.example, which was not asked/)
  assert.match(await faultsOf({ uri: 'spiffe://demo.example/depot' }), /spiffe:\/\/demo\.example\/depot, which was not asked/)
  assert.match(await faultsOf({ dnsNames: request.names.slice(0, 1) }), /does not carry the name h1\.depot/)
  assert.match(await faultsOf({ usage: ['server'] }), /not for TLS client/)
  assert.match(await faultsOf({ usage: ['client'] }), /not for TLS server/)
  assert.match(await faultsOf({ subject: 'CN=keycloak' }), /common name is keycloak/)
})

test('a person’s certificate is for a client only, and a certificate never outlives its issuer', async (t) => {
  const { roots, issuer } = await organisation(t)
  const person = await newPerson(issuer, { id: 'ana', organisation: 'Demo', days: 30, now: NOW })
  assert.match(certificateFaults(person.certificate, roots, { wanted: DEPOT, key: person.key, now: NOW }).join(), /not for TLS server/)
  const long = await issue(issuer, { publicKey: newKey().publicKey, subject: 'CN=x', usage: ['client'], days: 9000, now: NOW })
  assert.equal(new X509Certificate(long).validTo, new X509Certificate(issuer.certificate).validTo)
})

test('the issuing CA opens only with its passphrase, in its time', async (t) => {
  const { files } = await organisation(t)
  assert.deepEqual(await codesOf(openIssuer(files, 'wrong', NOW)), ['E_ISSUING_CA'])
  assert.deepEqual(await codesOf(openIssuer(files, PASSPHRASE, later(3650))), ['E_ISSUING_CA'])
  assert.deepEqual(await codesOf(openIssuer({ ...files, issuing: files.root }, PASSPHRASE, NOW)), ['E_ISSUING_CA'])
})

test('no key ever leaves a host: nothing that a host answers holds one', async (t) => {
  const made = await organisation(t)
  const { paths, question } = made
  const answers = [await certificatesWanted(paths, question, NOW)] as unknown[]
  await furnish(made)
  answers.push(await certificatesWanted(paths, { ...question, renew: ['depot'] }, NOW), await certificatesHeld(paths, question, NOW))
  const keys = await Promise.all(['depot/key.pem', 'depot/next/key.pem', 'keycloak/key.pem'].map((name) => readFile(join(paths.pki, name), 'utf8')))
  const said = JSON.stringify(answers)
  assert.doesNotMatch(said, /PRIVATE KEY/)
  for (const key of keys) assert.ok(!said.includes(key.split('\n')[1] ?? 'x'))
})

test('a service without a certificate on a host is said, and an answer without a key is not taken', async (t) => {
  const { folder, issuer, question, paths } = await organisation(t)
  const requests = await certificatesWanted(paths, question, NOW)
  const issued = await answerWithIssuer(requests, issuer, 90, NOW)
  const other = hostPaths(join(folder, 'h2'))
  await mkdir(other.pki, { recursive: true })
  const answer = await certificatesIssued(other, { ...question, host: 'h2', issued }, NOW)
  assert.match(answer.faults.join(), /no key was made for it on this host/)
  await takeUse(other, 'depot', issued[0]?.chain ?? '')
  const { services } = await certificatesHeld(other, question, NOW)
  assert.deepEqual(services.map((one) => one.faults), [['there is none yet'], ['there is none yet']])
})
