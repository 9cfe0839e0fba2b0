import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { catalog, publish, query } from '../../src/demo/mesh.ts'
import { DOMAIN, profileOf } from '../../src/demo/organisation.ts'
import { DENIED_AREA, IMAGERY, type PersonId } from '../../src/demo/people.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { Connection } from '../../src/mesh-client/connection.ts'
import { readProfile } from '../../src/mesh-client/profile.ts'
import { signIn } from '../../src/mesh-client/token.ts'
import { COUNT, PLACES, installed, onHost } from './shared/enclave.ts'
import { assertUnchanged } from './shared/unchanged.ts'

interface AuditEvent {
  readonly metadata?: { readonly uid?: string }
  readonly [name: string]: unknown
}

describe('a governed answer, a refused question, and a record of both', () => {
  let lab: Lab
  let address = ''

  before(async () => {
    ;({ lab } = await installed())
    address = lab.hosts[0]?.address ?? ''
  })

  async function connectionOf(person: PersonId): Promise<Connection> {
    return new Connection(await readProfile(profileOf(PLACES, person), () => Promise.reject(new Error('no passphrase'))))
  }

  async function events(): Promise<AuditEvent[]> {
    const printed = await onHost(lab, 'podman exec control-plane node /app/main.mjs verify-audit')
    const lines = printed.trim().split('\n').map((line) => JSON.parse(line) as AuditEvent & { verified?: unknown })
    assert.ok(lines.at(-1)?.verified, printed.slice(-400))
    return lines.slice(0, -1)
  }

  test('a domain team publishes from its contract, without a ticket', async () => {
    for (const product of [IMAGERY, DENIED_AREA]) {
      const ended = await publish(PLACES, 'p.ortega', product)
      assert.equal(ended.exit, 0, ended.stderr)
    }
  })

  test('who does not own the domain cannot publish for it', async () => {
    const ended = await publish(PLACES, 's.analyst', IMAGERY)
    assert.equal(ended.exit, 11, ended.stderr)
  })

  test('the SECRET analyst with release finds the product and is answered, less the records above', async () => {
    assert.deepEqual(await catalog(PLACES, 's.analyst'), { names: [IMAGERY], count: 1 })
    const ended = await query(PLACES, 's.analyst', IMAGERY, COUNT)
    assert.equal(ended.exit, 0, ended.stderr)
    const { rows, marking } = ended.result as { rows: unknown[][]; marking: string }
    assert.equal(Number(rows[0]?.[0]), 10)
    assert.match(marking, /SECRET/)
    const owner = await query(PLACES, 'p.ortega', IMAGERY, COUNT)
    assert.equal(Number((owner.result as { rows: unknown[][] }).rows[0]?.[0]), 12)
  })

  test('a coalition analyst with release is answered; one without is refused and does not see it', async () => {
    assert.equal((await query(PLACES, 'c.tremblay', IMAGERY, COUNT)).exit, 0)
    assert.deepEqual(await catalog(PLACES, 'f.moreau'), { names: [], count: 0 })
    assert.equal((await query(PLACES, 'f.moreau', IMAGERY, COUNT)).exit, 11)
  })

  test('a TOP SECRET product is, for the SECRET analyst, exactly like one that does not exist', async () => {
    const above = await query(PLACES, 's.analyst', DENIED_AREA, COUNT)
    const absent = await query(PLACES, 's.analyst', 'geoint/nothing-of-this-name', COUNT)
    assert.equal(above.exit, absent.exit)
    const shape = (text: string, name: string): string => text.replaceAll(name, 'NAME').replaceAll(/"seconds":[\d.]+/g, '')
    assert.equal(shape(above.stderr, DENIED_AREA), shape(absent.stderr, 'geoint/nothing-of-this-name'))
    assert.equal((await query(PLACES, 'p.ortega', DENIED_AREA, COUNT)).exit, 0)
  })

  test('a query reaches nothing but its product', async () => {
    for (const sql of ["SELECT * FROM read_text('/etc/passwd')", 'SET enable_external_access=true', "COPY product TO '/tmp/x'", "ATTACH '/tmp/x'"]) {
      const ended = await query(PLACES, 's.analyst', IMAGERY, sql)
      assert.notEqual(ended.exit, 0, sql)
      assert.doesNotMatch(ended.stderr, /root:x/)
    }
  })

  test('a token under another person’s certificate is refused', async () => {
    const [analyst, other] = [await connectionOf('s.analyst'), await connectionOf('c.tremblay')]
    const token = await signIn(analyst, new URL(`https://keycloak.${DOMAIN}:8444`), AbortSignal.timeout(20_000))
    const ask = {
      url: new URL(`https://control-plane.${DOMAIN}/v1/catalog`),
      method: 'GET' as const,
      headers: { authorization: `Bearer ${token}` },
      timeout: 20_000,
    }
    assert.equal((await analyst.send(ask, AbortSignal.timeout(20_000))).status, 200)
    assert.equal((await other.send(ask, AbortSignal.timeout(20_000))).status, 401)
  })

  test('without a certificate there is no connection at all', async () => {
    const ca = readFileSync(join(PLACES.pki, 'root.pem'))
    const asked = new Promise((resolve, reject) => {
      const agent = new Agent({ ca, servername: `control-plane.${DOMAIN}` })
      request({ host: address, port: 443, path: '/v1/catalog', agent, headers: { host: `control-plane.${DOMAIN}` } }, resolve).on('error', reject).end()
    })
    await assert.rejects(asked, /certificate required|ECONNRESET|socket hang up|alert/i)
  })

  test('grants and refusals are in the log: proven, in OCSF, with person, product and label', async () => {
    const before = await events()
    assert.equal((await query(PLACES, 's.analyst', IMAGERY, COUNT)).exit, 0)
    assert.equal((await query(PLACES, 'f.moreau', IMAGERY, COUNT)).exit, 11)
    const after = await events()
    const fresh = after.slice(before.length).map((event) => JSON.stringify(event))
    assert.equal(fresh.length, 2)
    assert.match(fresh[0] as string, /s\.analyst/)
    assert.match(fresh[0] as string, /SECRET/)
    assert.match(fresh[1] as string, /f\.moreau/)
    for (const text of fresh) assert.match(text, /class_uid/)
    for (const text of fresh) assert.doesNotMatch(text, /SELECT count/)
  })

  test('installing the same release again changes nothing', async () => {
    const notes: string[] = []
    const ended = await sallyport(['install', PLACES.bundle('1.0.0'), '--site', PLACES.site, '--yes', '--ca-passphrase-file', PLACES.passphrase], {
      onLine: (line) => notes.push(line),
    })
    assert.equal(ended.exit, 0, ended.stderr)
    const converge = notes.find((line) => line.startsWith('Converge'))
    await assertUnchanged(lab, 'h1', converge ?? notes.join('\n'))
    assert.equal((await query(PLACES, 's.analyst', IMAGERY, COUNT)).exit, 0)
  })

  test('status says what runs', async () => {
    const { result } = await succeed(['status', '--site', PLACES.site])
    const { running, services } = result as { running: { version: string }; services: { unit: string; state: string }[] }
    assert.equal(running.version, '1.0.0')
    for (const service of services) assert.equal(service.state, 'active', service.unit)
  })
})
