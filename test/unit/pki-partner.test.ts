import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newPerson, openIssuer } from '../../src/enclave/pki/authority.ts'
import { handshakeFaults } from '../../src/enclave/pki/handshake.ts'
import { issue } from '../../src/enclave/pki/issue.ts'
import { partnerDirectories, partnerFaults, type PartnerRule } from '../../src/enclave/pki/partner.ts'
import { certificatesIn } from '../../src/enclave/pki/pem.ts'
import { peersOf } from '../../src/enclave/pki/trust-files.ts'
import { newKey, NOW, openssl, organisation, PASSPHRASE } from './pki-fixture.ts'

const DOMAIN = 'demo.example'

/** Cross-certificates that openssl makes under a root of its own, with any constraints. */
async function office(folder: string) {
  const at = (name: string): string => join(folder, name)
  openssl(['req', '-x509', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-nodes', '-keyout', at('root.key'), '-out', at('root.pem'), '-subj', '/O=Office/CN=Root', '-days', '9'])
  openssl(['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-nodes', '-keyout', at('ally.key'), '-out', at('ally.csr'), '-subj', '/O=Ally/CN=Ally CA'])
  const rule: PartnerRule = { roots: certificatesIn(await readFile(at('root.pem'), 'utf8')), issuing: [], domain: DOMAIN, identity: 'dns', now: new Date(Date.now() + 60_000) }
  const cross = async (constraints: string, ca = 'CA:true,pathlen:0'): Promise<string> => {
    await writeFile(at('ext'), `basicConstraints=critical,${ca}\nkeyUsage=critical,keyCertSign,cRLSign\n${constraints}\n[dn]\nO=Ally\n[empty]\n`)
    return openssl(['x509', '-req', '-in', at('ally.csr'), '-CA', at('root.pem'), '-CAkey', at('root.key'), '-CAcreateserial', '-days', '5', '-extfile', at('ext')])
  }
  return { rule, cross }
}

test('a partner comes in under constraints on names only, and each one missing is said', async (t) => {
  const { folder } = await organisation(t)
  const { rule, cross } = await office(folder)
  const faults = async (constraints: string, change: Partial<PartnerRule> = {}, ca?: string): Promise<string> =>
    partnerFaults(await cross(constraints, ca), { ...rule, ...change }).join('\n')
  const sound = 'nameConstraints=critical,permitted;dirName:dn,excluded;DNS:demo.example'
  assert.equal(await faults(sound), '')
  assert.deepEqual(partnerDirectories(await cross(sound)), ['O=Ally'])
  assert.equal(await faults('nameConstraints=critical,permitted;dirName:dn,permitted;DNS:ally.example'), '')
  assert.equal(await faults('nameConstraints=critical,permitted;dirName:dn,excluded;DNS:example,excluded;URI:demo.example', { identity: 'spiffe' }), '')
  assert.match(await faults(''), /carries no constraints on names/)
  assert.match(await faults(sound.replace('critical,', '')), /not critical/)
  assert.match(await faults('nameConstraints=critical,excluded;DNS:demo.example'), /does not say under which directory name/)
  assert.match(await faults('nameConstraints=critical,permitted;dirName:empty,excluded;DNS:demo.example'), /permits every directory name/)
  assert.match(await faults('nameConstraints=critical,permitted;dirName:dn'), /name services of demo\.example \(DNS\)/)
  assert.match(await faults('nameConstraints=critical,permitted;dirName:dn,permitted;DNS:keycloak.demo.example'), /name services of demo\.example \(DNS\)/)
  assert.match(await faults('nameConstraints=critical,permitted;dirName:dn,excluded;DNS:ally.example'), /\(DNS\)/)
  assert.match(await faults(sound, { identity: 'spiffe' }), /\(URI\)/)
  assert.match(await faults(sound, { roots: [] }), /not issued by a root of the organisation/)
  assert.match(await faults(sound, {}, 'CA:false'), /no authority’s certificate/)
  assert.match(partnerFaults('words', rule).join(), /no certificate in it/)
  const [root] = rule.roots
  assert.match(partnerFaults(root?.toString() ?? '', rule).join(), /a root of the organisation itself/)
})

test('TLS libraries hold a partner to its constraints: its people get in, nobody it names beyond them', async (t) => {
  const { files, roots, issuing, issuer } = await organisation(t)
  const ally = files.partners['ally']
  assert.ok(ally)
  const cross = await readFile(ally.cross, 'utf8')
  const rule = { roots: certificatesIn(roots), issuing: certificatesIn(issuing), domain: DOMAIN, identity: 'spiffe' as const, now: NOW }
  assert.deepEqual(partnerFaults(cross, rule), [])
  const partner = await openIssuer(ally, PASSPHRASE, NOW)
  const ca = peersOf({ roots, issuing, partners: cross })
  const both = ['server', 'client'] as const
  const keys = newKey()
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const presented = async (by: typeof issuer, subject: string, dnsNames: string[], uri?: string): Promise<string> => {
    const chain = await issue(by, { publicKey: keys.publicKey, subject, dnsNames, usage: both, days: 9, now: NOW, ...(uri === undefined ? {} : { uri }) })
    const [fault = ''] = await handshakeFaults({ key, chain: by === issuer ? chain + issuer.certificate : chain, ca, lists: '', name: dnsNames[0] ?? 'nobody' })
    return fault
  }
  assert.equal(await presented(issuer, 'CN=keycloak', ['keycloak.demo.example']), '')
  assert.match(await presented(partner, 'O=Ally,CN=keycloak', ['keycloak.demo.example']), /excluded subtree violation/)
  assert.match(await presented(partner, 'O=Ally,CN=keycloak', ['other.example']), /excluded subtree violation/)
  assert.match(await presented(partner, 'O=Demo,CN=ana', []), /permitted subtree violation/)
  assert.match(await presented(partner, 'O=Ally,CN=keycloak', [], 'spiffe://demo.example/keycloak'), /excluded subtree violation/)
  const person = await newPerson(partner, { id: 'ana', organisation: 'Ally', email: 'ana@ally.example', days: 9, now: NOW })
  const verify = (chain: string, ...words: string[]): string => openssl(['verify', ...words, '-CAfile', join(files.root, '..', 'peers.pem')], chain)
  await writeFile(join(files.root, '..', 'peers.pem'), ca)
  assert.match(verify(person.certificate), /OK/)
  assert.match(verify(person.certificate, '-partial_chain'), /OK/, 'as Envoy does, which stops at the cross-certificate')
  const stranger = await newPerson(partner, { id: 'ana', organisation: 'Demo', days: 9, now: NOW })
  assert.throws(() => verify(stranger.certificate, '-partial_chain'), 'the constraints of the cross-certificate hold there too')
})
