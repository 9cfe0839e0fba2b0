import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { parseDocument } from 'yaml'
import { change } from '../../src/demo/enclave.ts'
import { DOMAIN, PARTNER } from '../../src/demo/organisation.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import { newAuthority, newPerson, openIssuer, type Issuer } from '../../src/enclave/pki/authority.ts'
import { issue } from '../../src/enclave/pki/issue.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { PLACES, installed, onHost } from './shared/enclave.ts'
import { ATTRIBUTES, BASE_DN, BIND_DN, passwordOf, startDirectory, type Directory } from './shared/directory.ts'
import { boundTo, codesOf, signedIn, TOKEN, tokenFor, withCeiling, type Answered } from './shared/identity.ts'
import type { Identity } from './shared/mutual-tls.ts'
import { ask } from './shared/registry.ts'
import { at } from './shared/workshop.ts'

const ORGANISATION = 'Sallyport Demo'
const AUTHORITY = 'Demo Security Office'
const LDAP = `ldap.${DOMAIN}`
const SITE = join(PLACES.site, 'site.yaml')
/** The ceiling of the shared enclave is the highest level there is: a lower one shows what lies above. */
const LOWER = 'SECRET'
const LISTS_IN_FORCE_MS = 45_000
const NEW_PEOPLE = [
  { id: 'o.turner', name: 'O. Turner', clearance: 'SECRET', caveats: [], nationality: 'USA', organisation: ORGANISATION, login: 'otp' },
  { id: 'j.smith', name: 'J. Smith', clearance: 'SECRET', caveats: [], nationality: 'USA', organisation: PARTNER.organisation, partner: PARTNER.name },
]
const IN_THE_DIRECTORY = [
  { uid: 'l.reader', clearance: ['SECRET'], caveats: ['AZURE'], nationality: 'USA', organisation: 'Directory' },
  { uid: 'l.above', clearance: ['TOP SECRET'], nationality: 'USA', organisation: 'Directory' },
  { uid: 'l.both', clearance: ['SECRET', 'TOP SECRET'], nationality: 'USA', organisation: 'Directory' },
  { uid: 'l.unknown', clearance: ['COSMIC'], nationality: 'USA', organisation: 'Directory' },
  { uid: 'l.stateless', clearance: ['SECRET'], organisation: 'Directory' },
  { uid: 's.analyst', clearance: ['SECRET'], nationality: 'FRA', organisation: 'Directory' },
]

describe('a person is who an authority says, by each way to sign in and by no other', () => {
  let lab: Lab
  let address = ''
  let ours: Issuer
  let theirs: Issuer
  let directory: Directory | undefined
  let bundle = ''
  let original = ''

  const person = (issuer: Issuer, id: string, organisation: string, email?: string): Promise<Identity> =>
    newPerson(issuer, { id, organisation, days: 1, now: new Date(), ...(email === undefined ? {} : { email }) })
  const own = (id: string): Promise<Identity> => person(ours, id, ORGANISATION)
  const partners = (id: string, organisation: string = PARTNER.organisation): Promise<Identity> => person(theirs, id, organisation, `${id}@partner.example`)
  const byCertificate = (identity: Identity | undefined, headers = {}): Promise<Answered> => tokenFor(address, identity, { client_id: 'mesh-cli' }, headers)
  const host = (line: string): Promise<string> => onHost(lab, line)

  async function refused(what: string, asked: Promise<Answered>): Promise<void> {
    const { status, claims, text } = await asked.catch((error: Error) => ({ status: 0, claims: undefined, text: error.message }))
    assert.equal(claims, undefined, `${what}: a token was given`)
    assert.ok([0, 400, 401].includes(status), `${what}: ${status} ${text}`)
  }

  /** Enrolled as the operator does it: printed once. */
  async function enrolled(id: string): Promise<{ username: string; password?: string; otpauth: string }> {
    const { result } = await succeed(['people', 'enrol', id, '--site', PLACES.site])
    return result as { username: string; password?: string; otpauth: string }
  }

  async function converge(text: string): Promise<void> {
    await writeFile(SITE, text)
    const ended = await change('install', PLACES, bundle)
    assert.equal(ended.exit, 0, ended.stderr)
  }

  before(async () => {
    const enclave = await installed()
    lab = enclave.lab
    address = lab.hosts[0]?.address ?? ''
    const now = new Date()
    const file = (name: string): string => join(PLACES.pki, name)
    ours = await openIssuer({ issuing: file('issuing.pem'), issuingKey: file('issuing-key.pem') }, enclave.world.passphrase, now)
    theirs = await openIssuer({ issuing: file(`partner-${PARTNER.name}-issuing.pem`), issuingKey: file(`partner-${PARTNER.name}-issuing-key.pem`) }, enclave.world.passphrase, now)
    const { result } = await succeed(['status', '--site', PLACES.site])
    bundle = PLACES.bundle((result as { running: { version: string } }).running.version)
    original = await readFile(SITE, 'utf8')
    const other = await newAuthority(at('directory-pki'), { organisation: 'Directory', passphrase: 'directory', now })
    const issuer = await openIssuer(other, 'directory', now)
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const leaf = await issue(issuer, { publicKey: pair.publicKey, subject: 'CN=ldap', dnsNames: [LDAP], usage: ['server'], days: 1, now })
    const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const ca = await readFile(other.root, 'utf8')
    directory = await startDirectory({
      ...{ lab, folder: at('directory'), ca, key, certificate: `${leaf}${issuer.certificate}`, name: LDAP },
      ...{ password: 'known to the mesh alone', people: IN_THE_DIRECTORY },
    })
    await writeFile(join(PLACES.site, 'directory-ca.pem'), ca)
    await writeFile(join(PLACES.site, 'partner-cross.pem'), await readFile(file(`partner-${PARTNER.name}-cross.pem`)))
    await mkdir(join(PLACES.site, 'secrets/keycloak'), { recursive: true, mode: 0o700 })
    await writeFile(join(PLACES.site, 'secrets/keycloak/ldap-bind'), 'known to the mesh alone\n', { mode: 0o600 })
    await host(`sed -i '/ ${LDAP}$/d' /etc/hosts; echo ${directory.address} ${LDAP} >> /etc/hosts`)
  })

  after(async () => {
    if (original !== '' && (await readFile(SITE, 'utf8')) !== original) await converge(original)
    await directory?.stop()
  })

  test('the site says who may come and from where; the next convergence knows them', async () => {
    const site = parseDocument(original)
    site.setIn(['pki', 'partners'], site.createNode([{ name: PARTNER.name, nation: PARTNER.nation, certificate: 'partner-cross.pem' }]))
    const ldap = { url: `ldaps://${LDAP}`, baseDn: BASE_DN, bindDn: BIND_DN, ca: 'directory-ca.pem', usernameAttribute: 'uid', attributes: ATTRIBUTES }
    site.set('identity', site.createNode({ authority: AUTHORITY, ldap, breakGlass: { holders: ['o.keeper'] } }))
    for (const one of NEW_PEOPLE) site.addIn(['people'], site.createNode(one))
    await converge(String(site))
    assert.equal(await host('sallyport-identity converge --check'), '')
    // Once lists are in force, each authority needs one, the partner's as well.
    if ((await host('cat /etc/sallyport/pki/crl.pem 2>/dev/null || true')).trim() !== '') {
      const list = join(PLACES.pki, `partner-${PARTNER.name}-crl.pem`)
      await succeed(['certificates', 'crl', list, '--site', PLACES.site, '--ca-passphrase-file', PLACES.passphrase])
      await pause(LISTS_IN_FORCE_MS)
    }
  })

  test('a certificate gives what the named authority says of its holder, for that certificate alone', async () => {
    const identity = await own('s.analyst')
    const { claims } = await byCertificate(identity)
    assert.equal(claims?.['iss'], `https://keycloak.${DOMAIN}:8444/realms/mesh`)
    const { clearance, nationality, organisation, attribute_authority: authority, cnf } = claims ?? {}
    assert.deepEqual([clearance, nationality, organisation, authority], ['SECRET', 'USA', 'All-source cell', AUTHORITY])
    assert.deepEqual(cnf, { 'x5t#S256': boundTo(identity) })
    await refused('no certificate', byCertificate(undefined))
    await refused('nobody’s account', byCertificate(await own('n.obody')))
  })

  test('a header from outside says nothing', async () => {
    const [analyst, turner] = [await own('s.analyst'), await own('o.turner')]
    const encoded = encodeURIComponent(analyst.certificate)
    const forged = [
      { 'ssl-client-cert': encoded },
      { 'SSL-Client-Cert': encoded, 'ssl-client-verify': 'SUCCESS' },
      { 'x-forwarded-client-cert': `Hash=${'0'.repeat(64)};Cert="${encoded}";Subject="CN=s.analyst"` },
      { 'x-ssl-client-cert': encoded, 'client-cert': `:${encoded}:` },
    ]
    for (const headers of forged) {
      await refused(`forged, no certificate: ${Object.keys(headers)}`, byCertificate(undefined, headers))
      await refused(`forged, under another’s: ${Object.keys(headers)}`, byCertificate(turner, headers))
    }
  })

  test('everything but three paths of one realm is closed, for operators too', async () => {
    const keeper = await own('o.keeper')
    const paths = [
      ...['/', '/admin/', '/admin/realms', '/admin/realms/mesh/users', '/realms/master', '/realms/master/protocol/openid-connect/token'],
      ...['/realms/mesh', '/realms/mesh/account', '/realms/mesh/protocol/openid-connect/auth', '/realms/mesh/login-actions/authenticate'],
      ...['/metrics', '/health', '/realms/mesh/../master', `${TOKEN}/../../../../master`, '//admin/realms', '/realms/mesh/..%2fmaster'],
    ]
    for (const path of paths)
      for (const identity of [keeper, undefined]) {
        const { status } = await ask(address, 'keycloak', 8444, identity, { path })
        assert.ok([400, 403].includes(status), `${path}: ${status}`)
      }
  })

  test('a partner’s person is the whole subject, of the partner’s nation, and never one of ours', async () => {
    const asPartner = (identity: Identity): Promise<Answered> => tokenFor(address, identity, { client_id: 'mesh-partner' })
    const { claims } = await asPartner(await partners('j.smith'))
    assert.deepEqual([claims?.['preferred_username'], claims?.['nationality'], claims?.['partner']], [`j.smith@${PARTNER.name}`, PARTNER.nation, PARTNER.name])
    for (const [what, identity] of [
      ['our person’s common name', await partners('s.analyst')],
      ['our person’s whole subject', await partners('s.analyst', ORGANISATION)],
      ['the account’s own name', await partners(`j.smith@${PARTNER.name}`)],
    ] as const) {
      await refused(`${what}, as ours`, byCertificate(identity))
      await refused(`${what}, as the partner’s`, asPartner(identity))
    }
    await refused('the partner’s person as ours', byCertificate(await partners('j.smith')))
    await refused('ours as the partner’s', asPartner(await own('s.analyst')))
    await refused('our certificate for the partner’s common name', asPartner(await own('j.smith')))
  })

  test('password and one-time code: both, fresh, once, and bound to the certificate', async () => {
    const workstation = await own('s.analyst')
    const form = { client_id: 'mesh-otp', username: 'o.turner' }
    await refused('before anything was handed over', byCertificate(await own('o.turner')))
    const { password = '', otpauth } = await enrolled('o.turner')
    const codes = codesOf(otpauth)
    await refused('the certificate alone', byCertificate(await own('o.turner')))
    await pause(1000) // two failures within 200 ms let an account rest
    await refused('a password without a code', tokenFor(address, workstation, { ...form, password }))
    const code = await codes.fresh()
    await refused('a wrong password', tokenFor(address, workstation, { ...form, password: `${password}x`, totp: code }))
    const { claims, text } = await tokenFor(address, workstation, { ...form, password, totp: code })
    assert.deepEqual([claims?.['preferred_username'], claims?.['cnf']], ['o.turner', { 'x5t#S256': boundTo(workstation) }], text)
    await refused('the same code again', tokenFor(address, workstation, { ...form, password, totp: code }))
    await refused('no certificate to bind to', tokenFor(address, undefined, { ...form, password, totp: await codes.fresh() }))
    const mesh = await signedIn(workstation, { login: 'otp', username: 'o.turner' }, [password, await codes.fresh()])
    assert.equal(typeof (await mesh.catalog('')).count, 'number')
    await assert.rejects(enrolled('s.analyst'), /login: otp/)
  })

  test('five failures let an account rest, and enrolling anew wakes it', async () => {
    const workstation = await own('s.analyst')
    const form = { client_id: 'mesh-otp', username: 'o.turner' }
    const { password = '', otpauth } = await enrolled('o.turner')
    for (let failure = 0; failure < 5; failure++) await refused('a wrong code', tokenFor(address, workstation, { ...form, password, totp: '000000' }))
    await refused('the right one, too late', tokenFor(address, workstation, { ...form, password, totp: await codesOf(otpauth).fresh() }))
    const again = await enrolled('o.turner')
    const { claims, text } = await tokenFor(address, workstation, { ...form, password: again.password ?? '', totp: await codesOf(again.otpauth).fresh() })
    assert.equal(claims?.['preferred_username'], 'o.turner', text)
  })

  test('the organisation’s directory is asked each time; who is not cleared for this site is not in it', async () => {
    for (const uid of ['l.unknown', 'l.stateless']) await refused(uid, byCertificate(await own(uid)))
    assert.equal((await byCertificate(await own('l.above'))).claims?.['clearance'], 'TOP SECRET')
    await withCeiling(lab, LOWER)
    const { claims, text } = await byCertificate(await own('l.reader'))
    assert.deepEqual([claims?.['clearance'], claims?.['caveats'], claims?.['organisation']], ['SECRET', ['AZURE'], 'Directory'], text)
    for (const { uid } of IN_THE_DIRECTORY.slice(1, 5)) await refused(uid, byCertificate(await own(uid)))
    const local = (await byCertificate(await own('s.analyst'))).claims
    assert.equal(local?.['nationality'], 'USA', 'the site’s own person goes before one of the same name')
    const { otpauth, password } = await enrolled('l.reader')
    assert.equal(password, undefined, 'the directory keeps the password')
    const form = { client_id: 'mesh-otp', username: 'l.reader', password: passwordOf('l.reader'), totp: await codesOf(otpauth).fresh() }
    assert.equal((await tokenFor(address, await own('s.analyst'), form)).claims?.['preferred_username'], 'l.reader')
    directory?.remove('l.reader')
    await refused('removed from the directory', byCertificate(await own('l.reader')))
    const nowhere = await host("podman exec postgresql psql --no-psqlrc -tA -d keycloak -c \"SELECT count(*) FROM user_entity WHERE username LIKE 'l.%'\"")
    assert.equal(nowhere.trim(), '0')
  })

  test('the emergency account opens to its holder with what was sealed; everybody sees it, and it shuts by itself', async () => {
    const keeper = await own('o.keeper')
    const handed = (await succeed(['people', 'hand-over', 'o.keeper', '--site', PLACES.site])).result as { password: string }
    const form = { client_id: 'mesh-break-glass', password: handed.password }
    assert.notEqual((await sallyport(['people', 'hand-over', 'o.keeper', '--site', PLACES.site])).exit, 0, 'handed over twice')
    await refused('another’s certificate', tokenFor(address, await own('s.analyst'), form))
    await refused('another password', tokenFor(address, keeper, { ...form, password: 'open sesame' }))
    const { claims, text } = await tokenFor(address, keeper, form)
    assert.deepEqual([claims?.['preferred_username'], claims?.['clearance'], claims?.['break_glass']], ['break-glass.o.keeper', LOWER, true], text) // as far as the site goes, and no further
    assert.equal(typeof (await (await signedIn(keeper, { login: 'break-glass' }, [handed.password])).catalog('')).count, 'number')
    const metric = (name: string): Promise<string> => host(`grep '^sallyport_break_glass_${name}{account="break-glass.o.keeper"}' /var/lib/sallyport/metrics/break-glass.prom | cut -d' ' -f2`)
    for (let waited = 0; Number(await metric('last_use_seconds')) === 0; waited += 5) {
      assert.ok(waited < 90, 'its use was not seen within 90 s')
      await pause(5000)
    }
    assert.match(await host('journalctl -t sallyport-break-glass -o cat --no-pager'), /break-glass\.o\.keeper was used at .* from [0-9.]+/)
    // The time of the site is eight hours: here it is none.
    await host(`sed 's/"breakGlassHours": [0-9]*/"breakGlassHours": 0/' /etc/sallyport/identity.json > /run/soon.json && sallyport-identity --config /run/soon.json watch; rm /run/soon.json`)
    await refused('shut by its time', tokenFor(address, keeper, form))
    assert.equal(await host('sallyport-identity converge'), '', 'converging opened it again')
    await succeed(['people', 'seal', 'o.keeper', '--site', PLACES.site])
    await refused('the password before', tokenFor(address, keeper, form))
    const anew = (await succeed(['people', 'hand-over', 'o.keeper', '--site', PLACES.site])).result as { password: string }
    assert.equal((await tokenFor(address, keeper, { ...form, password: anew.password })).claims?.['break_glass'], true)
  })

  test('what was altered by hand is found, and put back', async () => {
    const program = [
      "import sys; sys.path.insert(0, '/usr/local/lib/sallyport/identity'); sys.dont_write_bytecode = True",
      'import json; from admin import Admin',
      "c = json.load(open('/etc/sallyport/identity.json')); a = Admin(c['url'], c['client'], c['secret'])",
      "a.put('', {'bruteForceProtected': False, 'accessTokenLifespan': 36000})",
      "a.post('/components', {'name': 'mine', 'providerId': 'rsa-generated', 'providerType': 'org.keycloak.keys.KeyProvider', 'parentId': a.get('')['id'], 'config': {'priority': ['200']}})",
      "step = [s for s in a.get('/authentication/flows/password%20and%20one-time%20code/executions') if s['providerId'] == 'direct-grant-validate-otp'][0]",
      "a.put('/authentication/flows/password%20and%20one-time%20code/executions', {**step, 'requirement': 'DISABLED'})",
      "user = a.get('/users?exact=true&username=f.moreau')[0]; a.put('/users/' + user['id'], {**user, 'attributes': {**user['attributes'], 'clearance': ['TOP SECRET']}})",
    ].join('\n')
    await host(`python3 -I - <<'END'\n${program}\nEND`)
    const found = await host('sallyport-identity converge --check || true')
    for (const what of ['remove key mine', 'flow password and one-time code', 'settings of the realm', 'change f.moreau']) assert.match(found, new RegExp(`differs: ${what}`))
    await host('sallyport-identity converge')
    assert.equal(await host('sallyport-identity converge --check'), '')
    assert.equal((await byCertificate(await own('f.moreau'))).claims?.['clearance'], 'SECRET')
  })

  test('no secret is in journal, events or what the role leaves behind', async () => {
    const { password = '', otpauth } = await enrolled('o.turner')
    const seed = new URL(otpauth).searchParams.get('secret') ?? ''
    const dump = 'podman exec postgresql pg_dump --data-only --table=event_entity --table=admin_event_entity --table=component_config keycloak'
    for (const secret of [password, seed, 'known to the mesh alone']) {
      const found = await host(`{ journalctl --no-pager -o cat; ${dump}; cat /srv/sallyport/keycloak/wanted/* /etc/sallyport/identity.json; } | grep -cF -- '${secret}' || true`)
      assert.equal(found.trim(), '0')
    }
  })

  test('whoever the site names no more is nobody with the next convergence', async () => {
    await converge(original)
    await refused('o.turner', byCertificate(await own('o.turner')))
    await refused('the partner’s person', tokenFor(address, await partners('j.smith'), { client_id: 'mesh-partner' }))
    await refused('a person of the directory', byCertificate(await own('l.both')))
    await refused('the emergency account', tokenFor(address, await own('o.keeper'), { client_id: 'mesh-break-glass', password: 'x' }))
    assert.equal((await byCertificate(await own('s.analyst'))).claims?.['clearance'], 'SECRET')
    assert.equal(await host('sallyport-identity converge --check'), '')
  })
})
