import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificatesHeld, certificatesIssued, certificatesWanted, revocationsTaken } from '../../src/enclave/engine/certificates.ts'
import { openIssuer } from '../../src/enclave/pki/authority.ts'
import { issueList, type ListRequest } from '../../src/enclave/pki/issue.ts'
import { certificatesIn } from '../../src/enclave/pki/pem.ts'
import { listFaults, revocationList, revocationListsIn, serialOf } from '../../src/enclave/pki/revocation-list.ts'
import { answerWithIssuer } from '../../src/enclave/pki/sign.ts'
import { authoritiesOf, newest, peersOf } from '../../src/enclave/pki/trust-files.ts'
import { codesOf } from './bundle-fixture.ts'
import { furnish, later, NOW, openssl, organisation, PASSPHRASE, type Organisation } from './pki-fixture.ts'

const EMPTY: ListRequest = { revoked: [], number: 2n, days: 7, now: NOW }

/** The set of lists of the organisation, with the issuing CA's made as `change` says. */
async function setOf({ files, issuer }: Organisation, change: Partial<ListRequest> = {}): Promise<string> {
  const [root] = revocationListsIn(await readFile(files.lists, 'utf8'))
  return (root?.pem ?? '') + (await issueList(issuer, { ...EMPTY, ...change }))
}

test('openssl reads the lists of the PKI made for labs, and they verify', async (t) => {
  const { files } = await organisation(t)
  const text = await readFile(files.lists, 'utf8')
  const [root, issuing] = revocationListsIn(text)
  for (const [list, above] of [[root, files.root], [issuing, files.issuing]] as const) {
    assert.deepEqual([list?.number, list?.revoked.size], [1n, 0])
    openssl(['crl', '-noout', '-CAfile', above], list?.pem)
  }
})

test('a list is refused with every reason: issuer, signature, dates, number, parts', async (t) => {
  const made = await organisation(t)
  const { issuer, files } = made
  const authorities = certificatesIn(made.roots + made.issuing)
  const list = async (change: Partial<ListRequest>) => revocationList(await issueList(issuer, { ...EMPTY, ...change }))
  const faults = async (one: ReturnType<typeof revocationList>, held?: ReturnType<typeof revocationList>): Promise<string> =>
    (await listFaults(one, authorities, { held, now: NOW })).join('\n')
  const good = await list({})
  assert.equal(await faults(good), '')
  assert.equal(await faults(good, good), '', 'the same list again is no fault')
  assert.match(await faults(await list({ now: later(-9) })), /the next one was due on/)
  assert.match(await faults(await list({ now: later(2) })), /it is from .* now is/)
  assert.match(await faults(await list({ number: 1n }), good), /its number 1 goes back behind 2/)
  assert.match(await faults(await list({ days: 8 }), good), /another list has the same number 2/)
  const ally = await openIssuer(files.partners['ally'] as { issuing: string; issuingKey: string }, PASSPHRASE, NOW)
  assert.match(await faults(revocationList(await issueList(ally, EMPTY))), /no authority of this site/)
  const forged = await issueList({ certificate: issuer.certificate, key: ally.key }, EMPTY)
  assert.match(await faults(revocationList(forged)), /did not sign it/)
})

test('lists made by openssl are taken, whole ones only', async (t) => {
  const { folder, issuer, files, roots, issuing } = await organisation(t)
  const at = (name: string): string => join(folder, name)
  await mkdir(at('office'))
  await writeFile(at('office/index.txt'), '')
  await writeFile(at('office/number'), '07\n')
  const config = (extra: string): string =>
    `[ca]\ndefault_ca=c\n[c]\ndatabase=${at('office/index.txt')}\ncrlnumber=${at('office/number')}\ndefault_md=sha384\ndefault_crl_days=9\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n${extra}`
  const signed = async (extra = ''): Promise<string> => {
    await writeFile(at('office/ca.cnf'), config(extra))
    return openssl(['ca', '-config', at('office/ca.cnf'), '-gencrl', '-keyfile', at('key'), '-cert', files.issuing])
  }
  await writeFile(at('key'), issuer.key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const faults = async (pem: string) =>
    (await listFaults(revocationList(pem), certificatesIn(roots + issuing), { held: undefined, now: new Date() })).join()
  const whole = await signed()
  assert.equal(await faults(whole), '')
  assert.equal(revocationList(whole).number, 7n)
  assert.equal(revocationList(Buffer.from(revocationList(whole).parsed.rawData)).number, 7n, 'DER as well')
  assert.match(await faults(await signed('2.5.29.27=critical,DER:020101\n')), /delta list/)
  assert.match(await faults(await signed('2.5.29.28=critical,DER:30038101ff\n')), /a part of the certificates only/)
  assert.match(await faults(await signed('1.2.3.4=critical,DER:0500\n')), /critical extension 1\.2\.3\.4/)
})

test('a host takes lists that go forward only, and loses none', async (t) => {
  const made = await organisation(t)
  const { paths, question } = made
  const take = async (lists: string): Promise<void> => revocationsTaken(paths, { ...question, lists }, NOW)
  await take(await setOf(made, { number: 5n }))
  const before = await readFile(join(paths.pki, 'crl.pem'), 'utf8')
  assert.deepEqual(await codesOf(take(await setOf(made, { number: 4n }))), ['E_CRL'])
  assert.deepEqual(await codesOf(take(before.slice(0, before.indexOf('-----END') + 25))), ['E_CRL'], 'the issuing CA’s list would be lost')
  assert.deepEqual(await codesOf(take(await issueList({ ...made.issuer, certificate: made.roots }, EMPTY))), ['E_CRL'])
  assert.equal(await readFile(join(paths.pki, 'crl.pem'), 'utf8'), before)
  await take(await setOf(made, { number: 6n }))
  assert.equal(revocationListsIn(await readFile(join(paths.pki, 'crl.pem'), 'utf8'))[1]?.number, 6n)
})

test('a station with an older set of lists does not stop a certificate, nor take the list back', async (t) => {
  const made = await organisation(t)
  const { paths, question, issuer } = made
  await revocationsTaken(paths, { ...question, lists: await setOf(made, { number: 9n }) }, NOW)
  const old = { ...question, lists: await setOf(made, { number: 3n }) }
  const issued = await answerWithIssuer(await certificatesWanted(paths, old, NOW), issuer, 90, NOW)
  assert.deepEqual((await certificatesIssued(paths, { ...old, issued }, NOW)).faults, [])
  const [, list] = revocationListsIn(await readFile(join(paths.pki, 'crl.pem'), 'utf8'))
  assert.equal(list?.number, 9n)
  assert.equal(revocationListsIn(newest([], revocationListsIn(old.lists), authoritiesOf(question))).length, 2)
  assert.equal(newest(revocationListsIn(old.lists), [], []), '', 'lists of whoever is no authority any more are dropped')
})

test('a service whose certificate was revoked gets a new key, and the revoked one is not taken again', async (t) => {
  const made = await organisation(t)
  const { paths, question, issuer } = made
  await furnish(made)
  const chain = await readFile(join(paths.pki, 'keycloak/cert.pem'), 'utf8')
  const serial = serialOf(certificatesIn(chain)[0]?.serialNumber ?? '')
  const lists = await setOf(made, { revoked: [{ serial, date: NOW.toISOString(), reason: 'keyCompromise' }], number: 7n })
  await revocationsTaken(paths, { ...question, lists }, NOW)
  const { services } = await certificatesHeld(paths, { ...question, lists }, NOW)
  assert.match(services.find((one) => one.service === 'keycloak')?.faults.join() ?? '', /was revoked on/)
  const asked = await certificatesWanted(paths, { ...question, lists }, NOW)
  assert.deepEqual(asked.map((one) => one.service), ['keycloak'])
  assert.deepEqual((await certificatesIssued(paths, { ...question, lists, issued: [{ service: 'keycloak', chain }] }, NOW)).accepted, [])
  const issued = await answerWithIssuer(asked, issuer, 90, NOW)
  assert.deepEqual(await certificatesIssued(paths, { ...question, lists, issued }, NOW), { accepted: ['keycloak'], faults: [] })
})

test('what is put in use was shaken hands with: an authority that OpenSSL does not follow is refused on the host', async (t) => {
  const made = await organisation(t)
  const { paths, question, issuer, folder } = made
  const issued = await answerWithIssuer(await certificatesWanted(paths, question, NOW), issuer, 90, NOW)
  // A set with the root's list missing: OpenSSL refuses every chain then.
  const [, own] = revocationListsIn(await readFile(made.files.lists, 'utf8'))
  const lone = { ...question, lists: own?.pem ?? '', issued }
  const { accepted, faults } = await certificatesIssued(paths, lone, NOW)
  assert.deepEqual(accepted, [])
  assert.match(faults.join(), /in a TLS handshake .* refuses it/)
  const file = join(folder, 'ca.pem')
  await writeFile(file, peersOf(question) + lone.lists)
  assert.throws(() => openssl(['verify', '-crl_check_all', '-CAfile', file], issued[0]?.chain))
})
