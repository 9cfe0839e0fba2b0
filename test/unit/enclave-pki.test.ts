import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { certificatesIssued, certificatesWanted } from '../../src/enclave/engine/certificates.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { answerFromFolder, answerWithIssuer, writeRequests } from '../../src/enclave/pki/answer.ts'
import { issue, newAuthority, newPerson, openIssuer } from '../../src/enclave/pki/authority.ts'
import { certificateFaults } from '../../src/enclave/pki/check.ts'
import { codesOf, temporary } from './bundle-fixture.ts'

const NOW = new Date('2026-12-01T00:00:00Z')
const PASSPHRASE = 'correct horse'
const NAMES = ['depot.demo.example', 'localhost']

async function organisation(t: TestContext) {
  const folder = await temporary(t)
  const files = await newAuthority(join(folder, 'ca'), { organisation: 'Demo', passphrase: PASSPHRASE, now: NOW })
  const roots = await readFile(files.root, 'utf8')
  const issuer = await openIssuer(files, PASSPHRASE, NOW)
  const paths = hostPaths(join(folder, 'host'))
  const question = { host: 'h1', services: ['depot', 'keycloak'], domain: 'demo.example', roots }
  return { folder, files, roots, issuer, paths, question }
}

test('keys are made on the host, requests answered by the delegated CA, certificates checked and put in place', async (t) => {
  const { roots, issuer, paths, question } = await organisation(t)
  const requests = await certificatesWanted(paths, question, NOW)
  assert.deepEqual(requests.map((one) => one.service), ['depot', 'keycloak'])
  const key = join(paths.pki, 'depot/key.pem')
  assert.equal((await stat(key)).mode & 0o777, 0o600)
  const issued = await answerWithIssuer(requests, issuer, 90, NOW)
  await certificatesIssued(paths, { ...question, issued }, NOW)
  const leaf = new X509Certificate(await readFile(join(paths.pki, 'depot/cert.pem')))
  assert.equal(leaf.subject, 'CN=depot')
  assert.equal(leaf.subjectAltName, 'DNS:depot.demo.example, DNS:localhost')
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1')
  assert.deepEqual(await certificatesWanted(paths, question, NOW), [], 'nothing is asked for again')
  const late = new Date(NOW.getTime() + 70 * 86_400_000)
  assert.equal((await certificatesWanted(paths, question, late)).length, 2, 'in the last third of its life a certificate is renewed')
  assert.equal(await readFile(join(paths.pki, 'ca.pem'), 'utf8'), roots)
})

test('a certificate that does not fit is refused with every reason', async (t) => {
  const { roots, issuer, paths, question, folder } = await organisation(t)
  const requests = await certificatesWanted(paths, question, NOW)
  const [depot, keycloak] = await answerWithIssuer(requests, issuer, 90, NOW)
  const swapped = [{ service: 'depot', chain: keycloak?.chain ?? '' }]
  assert.deepEqual(await codesOf(certificatesIssued(paths, { ...question, issued: swapped }, NOW)), ['E_CERTIFICATE'])
  const other = await newAuthority(join(folder, 'other'), { organisation: 'Other', passphrase: PASSPHRASE, now: NOW })
  const foreign = await readFile(other.root, 'utf8')
  assert.match(certificateFaults(depot?.chain ?? '', foreign, { names: NAMES, now: NOW }).join(), /not issued by a root/)
  const expired = new Date(NOW.getTime() + 91 * 86_400_000)
  assert.match(certificateFaults(depot?.chain ?? '', roots, { names: NAMES, now: expired }).join(), /is valid/)
  const { key } = await newPerson(issuer, { id: 'ana', organisation: 'Demo', days: 1, now: NOW })
  assert.match(certificateFaults(depot?.chain ?? '', roots, { names: ['other.example'], key, now: NOW }).join(), /name other\.example.*another key/)
  assert.match(certificateFaults('nothing', roots, { names: NAMES, now: NOW }).join(), /no certificate/)
})

test('a person’s certificate is for a client only, and a certificate never outlives its issuer', async (t) => {
  const { roots, issuer } = await organisation(t)
  const person = await newPerson(issuer, { id: 'ana', organisation: 'Demo', days: 30, now: NOW })
  assert.match(certificateFaults(person.certificate, roots, { names: [], key: person.key, now: NOW }).join(), /not for TLS server/)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const long = await issue(issuer, { publicKey, subject: 'CN=x', usage: ['client'], days: 9000, now: NOW })
  assert.equal(new X509Certificate(long).validTo, new X509Certificate(issuer.certificate).validTo)
})

test('the issuing CA opens only with its passphrase, in its time', async (t) => {
  const { files } = await organisation(t)
  assert.deepEqual(await codesOf(openIssuer(files, 'wrong', NOW)), ['E_ISSUING_CA'])
  assert.deepEqual(await codesOf(openIssuer(files, PASSPHRASE, new Date('2036-01-01T00:00:00Z'))), ['E_ISSUING_CA'])
  assert.deepEqual(await codesOf(openIssuer({ ...files, issuing: files.root }, PASSPHRASE, NOW)), ['E_ISSUING_CA'])
})

test('without a CA at the station the requests go out as one text, and answers come in whatever their names', async (t) => {
  const { folder, roots, issuer, paths, question } = await organisation(t)
  const requests = await certificatesWanted(paths, question, NOW)
  const text = await readFile(await writeRequests(folder, 'demo', requests), 'utf8')
  assert.match(text, /Certificate request for depot on h1\n {2}subject {3}CN=depot\n {2}names {5}depot\.demo\.example, localhost/)
  assert.equal(text.match(/BEGIN CERTIFICATE REQUEST/g)?.length, 2)
  assert.deepEqual(await codesOf(answerFromFolder(folder, requests, roots, NOW)), ['E_WAITING_FOR_CERTIFICATES'])
  const issued = await answerWithIssuer(requests, issuer, 90, NOW)
  await mkdir(join(folder, 'certificates'), { recursive: true })
  for (const [index, { chain }] of issued.entries()) await writeFile(join(folder, 'certificates', `answer-${9 - index}.pem`), chain)
  assert.deepEqual(await answerFromFolder(folder, requests, roots, NOW), issued)
  const leafOnly = (issued[0]?.chain ?? '').split('-----END CERTIFICATE-----')[0]
  await writeFile(join(folder, 'certificates', 'answer-9.pem'), `${leafOnly}-----END CERTIFICATE-----\n`)
  assert.deepEqual(await codesOf(answerFromFolder(folder, requests, roots, NOW)), ['E_CERTIFICATE'])
})
