import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { parseDocument } from 'yaml'
import services from '../../ansible/group_vars/all/services.json' with { type: 'json' }
import { change } from '../../src/demo/enclave.ts'
import { DOMAIN } from '../../src/demo/organisation.ts'
import { DENIED_AREA, IMAGERY, type PersonId } from '../../src/demo/people.ts'
import { succeed } from '../../src/demo/sallyport.ts'
import { issue, openIssuer, type Issuer } from '../../src/enclave/pki/authority.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { PLACES, installed, onHost } from './shared/enclave.ts'
import { startReceivers, type ReceiverCertificate, type Receivers } from './shared/receivers.ts'
import { ask, type Asked } from './shared/registry.ts'
import { at } from './shared/workshop.ts'

interface Listen {
  readonly bind: string
  readonly callers: readonly (string | { readonly caller: string })[]
  readonly hosts?: string
}
interface Target {
  readonly health: string
  readonly lastError: string
  readonly labels: { readonly service: string; readonly host: string }
}

/** From the fault to the mail: a scrape every 15 s, three of them missed, ten seconds to gather. */
const TOLD_SECONDS = 150
const OVER_SECONDS = 240
/** Drift is told after five minutes, so that a convergence is none. */
const DRIFT_SECONDS = 480
const MAIL = `mail.${DOMAIN}`
const HOOK = `hook.${DOMAIN}`
/** What a unit of the mesh must not have without anybody knowing. */
const QUICK_FIX = '/etc/systemd/system/keycloak.service.d/quick-fix.conf'

describe('every component is watched, and somebody is told', () => {
  let lab: Lab
  let receivers: Receivers
  let address = ''
  let backups: string[] = []
  let fixedAt = 0

  async function asked(person: PersonId, service: 'prometheus' | 'alertmanager', path: string): Promise<Asked> {
    const [key, certificate] = await Promise.all([`${person}.key.pem`, `${person}.pem`].map((name) => readFile(join(PLACES.people, name), 'utf8')))
    return ask(address, service, service === 'prometheus' ? 9090 : 9093, { key: key ?? '', certificate: certificate ?? '' }, { path })
  }

  async function prometheus<T>(path: string): Promise<T> {
    const { status, text } = await asked('o.keeper', 'prometheus', path)
    assert.equal(status, 200, text)
    return (JSON.parse(text) as { data: T }).data
  }

  /** Value of the one series that an expression gives; undefined when there is none. */
  async function value(expression: string): Promise<number | undefined> {
    const { result } = await prometheus<{ result: { value: [number, string] }[] }>(`/api/v1/query?query=${encodeURIComponent(expression)}`)
    return result[0] === undefined ? undefined : Number(result[0].value[1])
  }

  /** A mail that matches all of these, and a post with the same alert, within some seconds; returns the mail. */
  async function told(alert: string, words: readonly RegExp[], seconds: number): Promise<string> {
    const deadline = performance.now() + seconds * 1000
    for (;;) {
      const mail = (await receivers.mails()).map(plain).find((text) => words.every((word) => word.test(text)))
      const posted = receivers.posts().some(({ body }) => body.alerts.some(({ labels }) => labels['alertname'] === alert))
      if (mail !== undefined && posted) return mail
      const subjects = (await receivers.mails()).map((text) => /^Subject: .*/m.exec(text)?.[0])
      if (performance.now() > deadline) assert.fail(`no word of ${alert} within ${seconds} s (post: ${posted}); mails:\n${subjects.join('\n')}`)
      await pause(1000)
    }
  }

  before(async () => {
    const enclave = await installed()
    lab = enclave.lab
    address = lab.hosts[0]?.address ?? ''
    const files = { issuing: join(PLACES.pki, 'issuing.pem'), issuingKey: join(PLACES.pki, 'issuing-key.pem') }
    const issuer = await openIssuer(files, enclave.world.passphrase, new Date())
    const ca = await readFile(join(PLACES.pki, 'root.pem'), 'utf8')
    const [mail, hook] = await Promise.all([certificateOf(issuer, MAIL), certificateOf(issuer, HOOK)])
    receivers = await startReceivers({ lab, folder: at('receivers'), ca, mail, hook })
  })

  after(async () => {
    await receivers?.stop()
    if (!lab) return
    await onHost(lab, `rm -rf ${QUICK_FIX.replace(/\/[^/]*$/, '')}; systemctl daemon-reload; systemctl start keycloak.service`)
    if (backups.length > 0) await onHost(lab, `touch ${backups.join(' ')}`)
  })

  test('the site says whom to tell, and the next convergence does it', async () => {
    const file = join(PLACES.site, 'site.yaml')
    const site = parseDocument(await readFile(file, 'utf8'))
    const from = `mesh@${DOMAIN}`
    const to = [`operators@${DOMAIN}`]
    site.set('alerts', site.createNode({ mail: { relay: receivers.relay(MAIL), from, to }, webhook: { url: receivers.hook(HOOK) } }))
    await writeFile(file, String(site))
    await onHost(lab, `grep -q ${MAIL} /etc/hosts || echo ${receivers.address} ${MAIL} ${HOOK} >> /etc/hosts`)
    const { result } = await succeed(['status', '--site', PLACES.site])
    const { version } = (result as { running: { version: string } }).running
    const ended = await change('install', PLACES, PLACES.bundle(version))
    assert.equal(ended.exit, 0, ended.stderr)
  })

  test('every service that has metrics answers, on every host', async () => {
    const { activeTargets } = await prometheus<{ activeTargets: Target[] }>('/api/v1/targets?state=active')
    assert.deepEqual(activeTargets.filter(({ health }) => health !== 'up').map(({ labels, lastError }) => `${labels.service}: ${lastError}`), [])
    const running = await onHost(lab, `python3 -c "import json; print(' '.join(s['name'] for s in json.load(open('/etc/sallyport/observe.json'))['services']))"`)
    const watched = Object.entries(services.services as Record<string, { listens: readonly Listen[] }>)
      .filter(([name, { listens }]) => running.trim().split(' ').includes(name) && listens.some(asksPrometheus))
      .map(([name]) => name)
    // Ceph has no metrics of its own; its state comes with the host's.
    const own = watched.filter((name) => name !== 'object-store').toSorted()
    const found = activeTargets.map(({ labels }) => labels.service).filter((name) => name !== 'object-store')
    assert.deepEqual([...new Set(found)].toSorted(), own)
    assert.equal(await value('min(sallyport_unit_up)'), 1)
    // Two files that tell of one thing in other words: the exporter then leaves out what it likes, and says so here alone.
    assert.doesNotMatch(await onHost(lab, 'journalctl -u node-exporter.service --since -2min --no-pager -o cat'), /error gathering metrics/)
    const backedUp = await onHost(lab, 'ls -d /var/backups/sallyport/*/*/ | xargs -n 1 basename | sort -u')
    const { result } = await prometheus<{ result: { metric: { service: string } }[] }>('/api/v1/query?query=sallyport_backup_timestamp_seconds%3E0')
    assert.deepEqual(result.map(({ metric }) => metric.service).toSorted(), backedUp.trim().split('\n'))
  })

  test('nobody but operators sees metrics, alerts or the overview', async () => {
    for (const person of ['s.analyst', 'p.ortega', 'c.tremblay'] as const) {
      for (const path of ['/', '/consoles/overview.html', '/api/v1/query?query=up', '/metrics', '/classic/targets'])
        assert.equal((await asked(person, 'prometheus', path)).status, 403, `${person} ${path}`)
      for (const path of ['/', '/api/v2/alerts', '/api/v2/status', '/metrics'])
        assert.equal((await asked(person, 'alertmanager', path)).status, 403, `${person} ${path}`)
    }
    assert.equal((await asked('o.keeper', 'alertmanager', '/api/v2/alerts')).status, 200)
    await assert.rejects(ask(address, 'prometheus', 9090, undefined, { path: '/' }))
  })

  test('a killed service comes back by itself; one that stays away is told by mail and webhook', async () => {
    // Two more truths, told while the rest goes on: a backup of long ago, and a quick fix nobody wrote down.
    const found = await onHost(lab, 'ls /var/backups/sallyport/*/keycloak/manifest.json 2>/dev/null || true')
    backups = found.split('\n').filter((path) => path !== '')
    assert.ok(backups.length > 0, 'the journeys before this one have upgraded, and so made a backup')
    await onHost(lab, `touch --date='40 days ago' ${backups.join(' ')}`)
    await onHost(lab, `mkdir -p ${QUICK_FIX.replace(/\/[^/]*$/, '')} && printf '[Service]\\nNice=5\\n' > ${QUICK_FIX} && systemctl daemon-reload`)
    fixedAt = performance.now()

    const restarts = await onHost(lab, 'systemctl show --property=NRestarts --value registry.service keycloak.service')
    await onHost(lab, 'podman kill --signal KILL keycloak')
    await onHost(lab, 'for i in $(seq 60); do systemctl is-active --quiet keycloak.service && exit 0; sleep 2; done; exit 1')
    assert.notEqual(await onHost(lab, 'systemctl show --property=NRestarts --value registry.service keycloak.service'), restarts)

    const stopped = performance.now()
    await onHost(lab, 'systemctl stop keycloak.service')
    const mail = await told('TargetDown', [/^Subject: \[FIRING/m, /TargetDown/, /component: keycloak/], TOLD_SECONDS)
    console.log(`    mail after ${((performance.now() - stopped) / 1000).toFixed(0)} s`)
    assert.match(mail, /host: {6}h1/)
    assert.match(mail, /since: {5}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
    assert.match(mail, /next: {6}On h1: systemctl status keycloak.service/)
    assert.match(mail, /page: {6}docs\/components\/alertmanager.md, under TargetDown/)
    assert.match(mail, /with ESMTPS .*\(TLSv1\.3:[^)]*:YES\)/, 'over STARTTLS, with a certificate that the relay has checked')
    for (const { from } of receivers.posts()) assert.match(from, new RegExp(`DNS:alertmanager\\.${DOMAIN.replaceAll('.', '\\.')}`))
    await onHost(lab, 'systemctl start keycloak.service')
    // In one mail with what else is told of the component: the emergency account that a journey before this one used.
    await told('TargetDown', [/^Over: .*\n *alert: {5}TargetDown .*\n *component: keycloak/m], OVER_SECONDS)
  })

  test('a backup too old is told', async () => {
    const mail = await told('BackupOld', [/BackupOld/, /component: keycloak/], TOLD_SECONDS)
    assert.match(mail, /40d \d+h \d+m \d+s old/)
  })

  test('the overview shows it all, to whoever may look', async () => {
    const { status, text } = await asked('o.keeper', 'prometheus', '/consoles/overview.html')
    assert.equal(status, 200, text)
    assert.doesNotMatch(text, /<script|https?:\/\/|@import|error calling/)
    const rows = [...text.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row]) => (row ?? '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim())
    const row = (start: string): string => rows.find((one) => one.startsWith(start)) ?? assert.fail(`no row ${start} in\n${rows.join('\n')}`)
    for (const component of ['postgresql', 'object-store', 'control-plane', 'prometheus', 'alertmanager', 'node-exporter', 'proxy', 'depot'])
      assert.match(row(`${component} h1`), /^\S+ h1 runs .* \d+ days /, component)
    assert.match(row('keycloak h1'), /5w 5d|40d/)
    assert.match(row('h1 '), /\d+ of \d+/)
    assert.match(text, /alerts go to <b>2 receivers<\/b>/)
    assert.match(text, /<polyline points="(\d\d,\d+\.\d )+"/)
    assert.match(row('warning BackupOld'), /keycloak h1/)
  })

  test('drift is told once it is no convergence', async () => {
    const left = DRIFT_SECONDS - (performance.now() - fixedAt) / 1000
    const mail = await told('Drift', [/Drift/, /component: keycloak/], Math.max(left, 30))
    assert.match(mail, /not what the release and the site's description say/)
    assert.match(await onHost(lab, 'cat /var/lib/sallyport/metrics/drift.txt'), /^keycloak: \S*quick-fix\.conf is new$/m)
    assert.equal(await value(`sallyport_drift{service='postgresql'}`), 0)
  })

  test('no metric, rule, alert or text knows the name of a product', async () => {
    const names = [IMAGERY, DENIED_AREA].map((name) => name.split('/')[1] ?? '')
    assert.ok(((await value('count(sallyport_product_available)')) ?? 0) >= names.length, 'products are watched')
    const series = await asked('o.keeper', 'prometheus', `/api/v1/series?${new URLSearchParams({ 'match[]': '{__name__=~".+"}' })}`)
    const page = await asked('o.keeper', 'prometheus', '/consoles/overview.html')
    const alerts = await asked('o.keeper', 'alertmanager', '/api/v2/alerts')
    const control = `python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:18081/metrics').read().decode())"`
    const metrics = await onHost(lab, `cat /var/lib/sallyport/metrics/*.prom; ${control}`)
    const texts = [series.text, page.text, alerts.text, metrics, ...(await receivers.mails()), JSON.stringify(receivers.posts())]
    for (const text of texts) for (const name of names) assert.ok(!text.includes(name), `${name} in ${text.slice(Math.max(0, text.indexOf(name) - 200), text.indexOf(name) + 100)}`)
  })
})

/** The text of a mail with its headers; lines that quoted-printable has cut are whole again (RFC 2045 section 6.7). */
function plain(mail: string): string {
  return mail.replaceAll('\r\n', '\n').replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** On one host: a listener for several is not there. */
function asksPrometheus({ bind, callers, hosts }: Listen): boolean {
  return bind === 'address' && hosts === undefined && callers.some((one) => typeof one !== 'string' && one.caller === 'prometheus')
}

async function certificateOf(issuer: Issuer, name: string): Promise<ReceiverCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
  const leaf = await issue(issuer, { publicKey, subject: `O=Sallyport Demo,CN=${name}`, dnsNames: [name], usage: ['server'], days: 30, now: new Date() })
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, certificate: `${leaf}${issuer.certificate}` }
}
