import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { sallyport, succeed, type Ended } from '../../src/demo/sallyport.ts'
import { newAuthority, openIssuer } from '../../src/enclave/pki/authority.ts'
import { issueList } from '../../src/enclave/pki/issue.ts'
import { labDown, labList, labUp, type Lab } from '../../src/lab/lab.ts'
import { assessedAsItIs } from './shared/assessed.ts'
import { onHost } from './shared/enclave.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { smallDefinition } from './shared/small-definition.ts'
import { at, passphraseFile, publisher, signedBundle } from './shared/workshop.ts'

const NAME = `${TEST_LAB_PREFIX}assess`
const SITE = at('assess-site')
const SHORT_S = 40

describe('a host with a database behind the proxy is assessed, and what is broken on it is named', () => {
  let lab: Lab

  // No control plane: there is no audit log to prove.
  assessedAsItIs(async () => {
    for (const one of await labList()) if (one.name === NAME) await labDown(NAME)
    // What it is built from is of this source: an older one would not be installed as it is now.
    for (const path of ['assess-1.0.0', 'assess-site', 'assess-definition', 'assess-pki']) rmSync(at(path), { recursive: true, force: true })
    const bundle = await signedBundle(smallDefinition('assess-definition', ['postgresql', 'monitoring', 'envoy']), 'assess-1.0.0')
    const passphrase = await passphraseFile()
    const authority = await newAuthority(at('assess-pki'), { organisation: 'Assessed', passphrase: readFileSync(passphrase, 'utf8').trim(), now: new Date() })
    lab = await labUp({ name: NAME, hosts: 1 })
    const [host] = lab.hosts
    const policy = (await publisher()).policy
    const key = createHash('sha256').update(Buffer.from(host?.hostKeys[0]?.split(' ')[1] ?? '', 'base64')).digest('base64').replace(/=+$/, '')
    await succeed([
      ...['site', 'init', SITE, '--name', 'assessed', '--domain', 'assessed.example', '--roles', 'h1=depot,postgresql,proxy,node-exporter', '--identity', lab.identity],
      ...['--host', `h1=${host?.address}`, '--host-key', `h1=SHA256:${key}`, '--ca', authority.root, '--issuing', authority.issuing, '--issuing-key', authority.issuingKey],
      ...['--policy', policy, '--policy-digest', (await readPolicy(policy)).digest],
    ])
    const ended = await sallyport(['install', bundle, '--site', SITE, '--yes', '--ca-passphrase-file', passphrase], { executable: join(bundle, 'sallyport'), onLine: (line) => console.log(`    ${line}`) })
    assert.equal(ended.exit, 0, ended.stderr)
    return { lab, site: SITE, bundle, folder: at('assessed-host'), passphraseFile: passphrase, rootList: at('assess-pki/crl.pem') }
  }, ['SLP-190'])

  // After what the tests above put back on the host: hooks run in the order in which they are named.
  after(async () => {
    if (process.env['SALLYPORT_KEEP_LAB'] === undefined) await labDown(NAME)
  })

  const assess = async (name: string): Promise<{ ended: Ended; results: string }> => {
    const ended = await sallyport(['assess', '--site', SITE, '-o', at('assessed-host', name)])
    return { ended, results: readFileSync(at('assessed-host', name, 'xccdf-results-h1.xml'), 'utf8') }
  }
  const of = (results: string, result: string): string[] => [...results.matchAll(new RegExp(`idref="xccdf_sallyport_rule_(SLP-\\d+)"[^>]*>\\s*<result>${result}<`, 'g'))].map(([, rule = '']) => rule)

  test('a revocation list that is over is named', async () => {
    const secret = ['--site', SITE, '--ca-passphrase-file', await passphraseFile()]
    const issuer = await openIssuer({ issuing: at('assess-pki/issuing.pem'), issuingKey: at('assess-pki/issuing-key.pem') }, readFileSync(await passphraseFile(), 'utf8').trim(), new Date())
    const [rootList = ''] = readFileSync(at('assess-pki/crl.pem'), 'utf8').split(/(?<=END X509 CRL-----\n)/)
    const short = await issueList(issuer, { revoked: [], number: 1000n, days: SHORT_S / 86_400, now: new Date() })
    writeFileSync(at('assess-pki/short.pem'), `${rootList}${short}`)
    await succeed(['certificates', 'crl', at('assess-pki/short.pem'), ...secret])
    await pause(SHORT_S * 1000)
    const { ended, results } = await assess('list')
    assert.deepEqual([ended.exit, ended.error?.code], [14, 'E_ASSESSMENT_NOT_MET'])
    assert.deepEqual(of(results, 'fail'), ['SLP-150'])
    assert.match(results, /the list of CN=Assessed[^:]*: the next one was due on /)
    await succeed(['certificates', 'revoke', '0123456789abcdef0123456789abcdef01234568', ...secret])
    assert.equal((await assess('list-after')).ended.exit, 0)
  })

  test('a depot that serves another file than was signed is named, and nothing is judged by its word', async () => {
    const current = '/var/lib/sallyport/current'
    const file = (await onHost(lab, `ls ${current}/iac/ansible/site.yml`)).trim()
    // A copy of its own: the store's is a hard link.
    await onHost(lab, `cp -p ${file} ${file}.kept && rm ${file} && (cat ${file}.kept; echo '# changed') > ${file} && mv ${file}.kept /var/tmp/site.yml.kept`)
    await onHost(lab, `cp -p ${current}/iac/ansible/group_vars/all/services.json /var/tmp/services.kept && rm ${current}/iac/ansible/group_vars/all/services.json && sed 's/"port": 5432,/"port": 5444,/' /var/tmp/services.kept > ${current}/iac/ansible/group_vars/all/services.json`)
    const { ended, results } = await assess('depot')
    assert.deepEqual([ended.exit, ended.error?.code], [14, 'E_ASSESSMENT_NOT_MET'])
    assert.deepEqual(of(results, 'fail'), ['SLP-110'])
    assert.deepEqual(of(results, 'notchecked'), ['SLP-010', 'SLP-020', 'SLP-040', 'SLP-050', 'SLP-060', 'SLP-070', 'SLP-080'])
    assert.match(results, /iac\/ansible\/site\.yml has sha256/)
    await onHost(lab, `mv -f /var/tmp/site.yml.kept ${file} && mv -f /var/tmp/services.kept ${current}/iac/ansible/group_vars/all/services.json`)
  })
})
