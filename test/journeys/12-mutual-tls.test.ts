import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { hostNamed, labRun } from '../../src/lab/lab.ts'
import { installedMesh, type InstalledMesh } from './shared/installed-mesh.ts'
import {
  callersOf,
  certificateFor,
  everyIdentity,
  knock,
  listenersOn,
  named,
  PERSON,
  trialsAtPostgresql,
  trialsAtProxy,
  type Answer,
  type Identity,
  type Kind,
  type Trial,
} from './shared/mutual-tls.ts'
import { at } from './shared/workshop.ts'

/** Within it a certificate that is no longer good is refused everywhere. */
const MINUTE = 60

/** What the proxy says of a handshake that it ended. Without a certificate it is `right` that is missing. */
const REASON: Readonly<Record<Kind, RegExp>> = {
  right: /PEER_DID_NOT_RETURN_A_CERTIFICATE/,
  'wrong authority': /unable_to_get|certificate_signature_failure|unable_to_verify/,
  expired: /certificate_has_expired/,
  revoked: /certificate_revoked/,
}

interface Logged {
  readonly log: 'access' | 'refused' | 'passed-on'
  readonly address: string
  readonly reason: string
  readonly service: string
  readonly listener: string
  readonly subject?: string
}

describe('who may call whom: nobody but who is on the list', () => {
  let mesh: InstalledMesh
  let identities: Map<string, Identity>

  const serial = ({ certificate }: Identity): string => new X509Certificate(certificate).serialNumber.toLowerCase()

  async function on(name: string, line: string): Promise<string> {
    const { code, stdout, stderr } = await labRun(mesh.lab, hostNamed(mesh.lab, name), line)
    assert.equal(code, 0, `${line}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
    return stdout
  }

  const clock = async (name: string): Promise<number> => Number(await on(name, 'date +%s.%N'))

  /** What a unit wrote since then. The proxy writes twice a second. */
  async function journal(name: string, what: string, since: number): Promise<string[]> {
    await pause(1500)
    return (await on(name, `journalctl ${what} --since=@${since.toFixed(3)} --output=cat --no-pager`)).split('\n')
  }

  /** The proxy's log by listener and the caller's port: the kernel gives a port again, but not for the same target. */
  async function logged(name: string, since: number): Promise<Map<string, Logged>> {
    const lines = (await journal(name, '--unit=proxy.service', since)).filter((line) => line.startsWith('{"'))
    const entries = lines.map((line) => JSON.parse(line) as Logged)
    return new Map(entries.map((entry) => [`${entry.service}-${entry.listener} ${entry.address.split(':').at(-1)}`, entry]))
  }

  async function inForce(serials: readonly string[]): Promise<void> {
    const file = '/etc/sallyport/tls/proxy/ca/current/revoked.json'
    for (const { name } of mesh.hosts) {
      const until = Date.now() + MINUTE * 1000
      for (;;) {
        const { stdout } = await labRun(mesh.lab, hostNamed(mesh.lab, name), `cat ${file}`)
        if (serials.every((one) => stdout.includes(one))) break
        assert.ok(Date.now() < until, `${name}: ${file} does not know what was revoked a minute ago`)
        await pause(1000)
      }
    }
  }

  before(async () => {
    mesh = await installedMesh()
    identities = await everyIdentity(mesh, at('authority-of-the-same-name'), mesh.organisation)
    const serials = callersOf(mesh).map((who) => serial(identities.get(named(who, 'revoked')) as Identity))
    await mesh.revoke(serials)
    await inForce(serials)
  })

  test('every caller at every listener, with its own certificate, another authority’s, an expired, a revoked one and none', async () => {
    for (const { name, roles } of mesh.hosts) {
      const trials = trialsAtProxy(mesh, roles)
      const since = await clock(name)
      const started = performance.now()
      const answers = new Map((await knock(mesh, hostNamed(mesh.lab, name), trials, identities)).map((answer) => [answer.id, answer]))
      const seconds = (performance.now() - started) / 1000
      const log = await logged(name, since)
      const faults = trials.flatMap((trial) => {
        const answer = answers.get(trial.id)
        const entry = answer && log.get(`${trial.listener} ${answer.from}`)
        const fault = faultOf(trial, answer, entry)
        return fault === undefined ? [] : [`${trial.id}: ${fault}; ${JSON.stringify(answer)} ${JSON.stringify(entry)}`]
      })
      const passed = trials.filter(({ passes }) => passes).length
      console.log(`    ${name}: ${trials.length} connections in ${seconds.toFixed(1)} s, ${passed} on the list`)
      assert.equal(answers.size, trials.length)
      assert.deepEqual(faults, [])
      assert.ok(passed > 0 && seconds < MINUTE)
    }
  })

  function faultOf(trial: Trial, answer: Answer | undefined, entry: Logged | undefined): string | undefined {
    if (answer === undefined || answer.stage === 'connect') return 'no connection'
    if (entry === undefined) return 'not in the log'
    const refused = entry.log === 'refused' || entry.reason.startsWith('rbac_access_denied')
    if (trial.passes) return refused || answer.stage !== 'answer' ? 'refused though on the list' : undefined
    if (!refused) return 'let in though not on the list'
    if (entry.log === 'access') return answer.code === 403 && trial.kind === 'right' ? undefined : 'refused late: a certificate that is no good opened a connection'
    return answer.stage === 'tls' && REASON[trial.kind].test(entry.reason) ? undefined : `refused for another reason than being ${trial.kind}`
  }

  test('PostgreSQL, which ends TLS by itself, keeps the same list', async () => {
    for (const { name, roles } of mesh.hosts.filter((host) => host.roles.includes('postgresql'))) {
      const trials = await trialsAtPostgresql(mesh)
      const since = await clock(name)
      const answers = new Map((await knock(mesh, hostNamed(mesh.lab, name), trials, identities)).map((answer) => [answer.id, answer]))
      const wrong = trials.filter((trial) => (answers.get(trial.id)?.code === 200) !== trial.passes)
      assert.deepEqual(wrong.map((trial) => JSON.stringify(answers.get(trial.id))), [])
      const lines = await journal(name, '--unit=postgresql.service', since)
      const refusals = lines.filter((line) => /FATAL|could not accept SSL connection/.test(line)).length
      const refused = trials.filter(({ passes }) => !passes).length
      assert.ok(refusals >= refused, `${refused} refused, ${refusals} in the log of ${roles.join()}`)
    }
  })

  test('the depot gives packages and images to hosts alone', async () => {
    const depot = mesh.hosts.find(({ roles }) => roles.includes('depot'))
    assert.ok(depot)
    const trials: Trial[] = [null, ...identities.keys()].map((identity) => ({
      id: `${identity} at the depot`,
      protocol: 'https',
      port: 8443,
      name: `depot.${mesh.domain}`,
      identity,
      listener: 'depot-https',
      kind: 'right',
      method: 'GET',
      path: '/v2/',
      passes: identity === named('host'),
    }))
    const since = await clock(depot.name)
    const answers = await knock(mesh, hostNamed(mesh.lab, depot.name), trials, identities)
    const passed = answers.filter(({ code }) => code === 200).map(({ id }) => id)
    assert.deepEqual(passed, trials.filter(({ passes }) => passes).map(({ id }) => id))
    const lines = (await journal(depot.name, '--identifier=depot', since)).filter((line) => line.startsWith('refused'))
    assert.ok(lines.length >= trials.length - 1, `${lines.length} of ${trials.length - 1} refusals in the log`)
  })

  test('nobody says of themselves who they are: a header from outside changes nothing', async () => {
    const control = mesh.hosts.find(({ roles }) => roles.includes('control-plane'))
    assert.ok(control)
    const prometheus = identities.get(named('prometheus')) as Identity
    const pem = encodeURIComponent(prometheus.certificate)
    const forged = `By=spiffe://${mesh.domain}/proxy;Hash=${'0'.repeat(64)};Cert="${pem}";Subject="CN=prometheus";URI=;DNS=prometheus.${mesh.domain}`
    const header = { 'x-forwarded-client-cert': forged, 'X-Forwarded-For': '127.0.0.1', 'ssl-client-cert': pem, 'x-forwarded-proto': 'http' }
    const trial = { protocol: 'https' as const, port: 443, name: `control-plane.${mesh.domain}`, identity: named(PERSON), method: 'GET', headers: header }
    const since = await clock(control.name)
    const answers = await knock(
      mesh,
      hostNamed(mesh.lab, control.name),
      ['/metrics', '//metrics', '/v1/../metrics', '/v1/%2e%2e/metrics', '/v1%2f..%2fmetrics', '/metrics?x=1'].map((path) => ({ ...trial, id: path, path })),
      identities,
    )
    assert.deepEqual(answers.filter(({ code }) => code !== 403 && code !== 400).map(({ id, code }) => `${id}: ${code}`), [])
    const log = await logged(control.name, since)
    assert.ok(answers.every(({ from }) => log.get(`control-plane-https ${from}`)?.subject === `CN=${PERSON}`), 'the log names another caller')
  })

  test('what is revoked, or has ended, is refused within a minute, also where a connection is open', async () => {
    const [target] = mesh.hosts.flatMap(({ name, roles }) =>
      listenersOn(mesh, roles)
        .filter(({ service }) => service === 'node-exporter')
        .filter(({ listen }) => listen.terminates === 'proxy')
        .map(({ service, listen }) => ({ host: name, service, listen })),
    )
    assert.ok(target)
    const ends = 20
    const both = new Map([
      ['revoked in between', await certificateFor(mesh, 'prometheus')],
      ['ended in between', await certificateFor(mesh, 'prometheus', { days: ends / 86_400 })],
    ])
    const now = await clock(target.host)
    const attempt = { protocol: 'https' as const, port: target.listen.port, name: `${target.service}.${mesh.domain}`, method: 'GET', path: '/metrics' }
    const once = [...both.keys()].map((identity) => ({ ...attempt, id: identity, identity }))
    const steady = once.map((attempt) => ({ ...attempt, every: 1 }))
    const running = knock(mesh, hostNamed(mesh.lab, target.host), steady, both, 100)
    await pause(4000)
    const asked = await clock(target.host)
    await mesh.revoke([serial(both.get('revoked in between') as Identity)])
    const answers = await running
    const moments = { 'revoked in between': asked, 'ended in between': now + ends }
    for (const [identity, moment] of Object.entries(moments)) {
      const good = answers.filter(({ id, code }) => id === identity && code !== null && code !== 403)
      const last = Math.max(...good.map(({ at }) => at))
      assert.ok(good.length > 2, `${identity}: ${JSON.stringify(answers.slice(0, 5))}`)
      console.log(`    ${identity}: last let in ${(last - moment).toFixed(1)} s after`)
      assert.ok(last - moment < MINUTE, `${identity}: still let in ${last - moment} s after`)
    }
    const again = await knock(mesh, hostNamed(mesh.lab, target.host), once, both)
    assert.deepEqual(again.filter(({ code }) => code !== null && code !== 403), [])
  })
})
