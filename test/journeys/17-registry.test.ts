import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { publish } from '../../src/demo/mesh.ts'
import { profileOf } from '../../src/demo/organisation.ts'
import { DENIED_AREA } from '../../src/demo/people.ts'
import { Connection } from '../../src/mesh-client/connection.ts'
import { readProfile } from '../../src/mesh-client/profile.ts'
import { signIn } from '../../src/mesh-client/token.ts'
import { annotations, answersWithin, onHost, PLACES } from './shared/enclave.ts'
import { installedMesh } from './shared/installed-mesh.ts'
import type { InstalledMesh } from './shared/installed-mesh.ts'
import { certificateFor, PERSON } from './shared/mutual-tls.ts'
import type { Identity } from './shared/mutual-tls.ts'
import { ask, demanding, growing, publishTrial, TRIAL } from './shared/registry.ts'
import type { Asked } from './shared/registry.ts'

const API = '/apis/registry/v3'
const BACK_WITHIN_S = 90

interface Version {
  readonly version: string
  readonly state: string
}

describe('what consumers rely on stays: a schema that breaks them is refused', () => {
  let mesh: InstalledMesh
  let writer: Identity
  let address = ''
  let trial = ''

  before(async () => {
    mesh = await installedMesh()
    writer = await certificateFor(mesh, 'control-plane')
    address = mesh.hosts.find(({ roles }) => roles.includes('schema-registry'))?.address ?? ''
    await answersWithin(BACK_WITHIN_S)
  })

  const host = (line: string): Promise<string> => onHost(mesh.lab, line)
  const nobody = (): Promise<never> => Promise.reject(new Error('no passphrase'))

  async function entry(): Promise<{ id: string; version: string; versions: Version[] }> {
    const profile = await readProfile(profileOf(PLACES, 'p.ortega'), nobody)
    const connection = new Connection(profile)
    const token = await signIn(connection, profile.identity, AbortSignal.timeout(30_000))
    const url = new URL(`/v1/catalog/${TRIAL}`, profile.controlPlane)
    const asked = { url, method: 'GET' as const, headers: { authorization: `Bearer ${token}` }, timeout: 30_000 }
    const { status, body } = await connection.send(asked, AbortSignal.timeout(30_000))
    assert.equal(status, 200, JSON.stringify(body))
    return body as { id: string; version: string; versions: Version[] }
  }

  /** The token that the realm gives the control plane for its certificate, without any secret. */
  async function writerToken(): Promise<string> {
    const form = { grant_type: 'client_credentials', client_id: 'schema-registry-writer' }
    const { status, text } = await ask(address, 'keycloak', 8444, writer, { path: '/realms/mesh/protocol/openid-connect/token', method: 'POST', form })
    assert.equal(status, 200, text)
    return (JSON.parse(text) as { access_token: string }).access_token
  }

  const registry = (path: string, more: { identity?: Identity | undefined; token?: string; method?: string; body?: unknown } = {}): Promise<Asked> =>
    ask(address, 'schema-registry', 8446, 'identity' in more ? more.identity : writer, { path: `${API}${path}`, ...more })

  async function artifact(token: string): Promise<string> {
    const found = await registry(`/search/artifacts?artifactId=${trial}`, { token })
    const { artifacts } = JSON.parse(found.text) as { artifacts: { groupId: string }[] }
    assert.equal(artifacts.length, 1, found.text)
    return `/groups/${artifacts[0]?.groupId}/artifacts/${trial}`
  }

  async function registered(): Promise<Version[]> {
    const token = await writerToken()
    const { text } = await registry(`${await artifact(token)}/versions?limit=500`, { token })
    return (JSON.parse(text) as { versions: Version[] }).versions.map(({ version, state }) => ({ version, state }))
  }

  test('a new product’s schema is registered, under opaque ids alone', async () => {
    const ended = await publishTrial('1.0.0')
    assert.equal(ended.exit, 0, ended.stderr)
    trial = (await entry()).id
    assert.deepEqual(await registered(), [{ version: '1.0.0', state: 'ENABLED' }])
    const token = await writerToken()
    const { text } = await registry('/search/artifacts?limit=500', { token })
    assert.doesNotMatch(text, /geoint|schema-trial|SECRET/)
  })

  test('a compatible version is published; the one before it is deprecated, in registry and catalog', async () => {
    const ended = await publishTrial('1.1.0', growing)
    assert.equal(ended.exit, 0, ended.stderr)
    assert.deepEqual(await registered(), [{ version: '1.0.0', state: 'DEPRECATED' }, { version: '1.1.0', state: 'ENABLED' }])
    const { versions } = await entry()
    assert.deepEqual(versions.map(({ version, state }) => [version, state]), [['1.1.0', 'current'], ['1.0.0', 'deprecated']])
  })

  test('an incompatible version is refused on publishing, with the registry’s reason, and nothing has changed', async () => {
    const before = { registered: await registered(), version: (await entry()).version }
    const ended = await publishTrial('2.0.0', (text) => demanding(growing(text)))
    assert.equal(ended.error?.code, 'E_MESH_INCOMPATIBLE', ended.stderr)
    assert.equal(ended.exit, 3)
    assert.match(ended.stderr, /\/required/)
    assert.deepEqual({ registered: await registered(), version: (await entry()).version }, before)
  })

  test('the registry itself refuses it too, and lets nobody switch its rules off', async () => {
    const token = await writerToken()
    const path = `${await artifact(token)}/versions`
    const narrow = JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', properties: {}, additionalProperties: false })
    const body = { version: '9.0.0', content: { content: narrow, contentType: 'application/json' } }
    const refused = await registry(path, { token, method: 'POST', body })
    assert.ok([400, 409].includes(refused.status), refused.text)
    assert.match(refused.text, /RuleViolationException/)
    for (const [method, rule] of [['PUT', '/admin/rules/COMPATIBILITY'], ['DELETE', '/admin/rules']] as const) {
      const answer = await registry(rule, { token, method, ...(method === 'PUT' && { body: { ruleType: 'COMPATIBILITY', config: 'NONE' } }) })
      assert.equal(answer.status, 403, `${method} ${rule}: ${answer.text}`)
    }
  })

  test('people, other services and nobody at all do not reach it; the right certificate alone opens nothing', async () => {
    for (const who of [PERSON, 'keycloak', 'trino', 'schema-registry', 'prometheus', 'host']) {
      const { status } = await registry('/search/artifacts', { identity: await certificateFor(mesh, who) })
      assert.equal(status, 403, who)
    }
    await assert.rejects(registry('/search/artifacts', { identity: undefined }), /certificate|ECONNRESET|hang up|alert/i)
    assert.equal((await registry('/search/artifacts')).status, 401)
    const profile = await readProfile(profileOf(PLACES, 'p.ortega'), nobody)
    const token = await signIn(new Connection(profile), profile.identity, AbortSignal.timeout(30_000))
    assert.equal((await registry('/search/artifacts', { token })).status, 401)
    const stranger = await certificateFor(mesh, 'keycloak')
    const form = { grant_type: 'client_credentials', client_id: 'schema-registry-writer' }
    const denied = await ask(address, 'keycloak', 8444, stranger, { path: '/realms/mesh/protocol/openid-connect/token', method: 'POST', form })
    assert.ok([400, 401].includes(denied.status), denied.text)
  })

  test('while it is away publishing is refused and queries go on; killed, it comes back by itself', async () => {
    const rows = await annotations()
    await host('systemctl stop schema-registry.service')
    const ended = await publishTrial('1.2.0', growing)
    assert.equal(ended.error?.code, 'E_MESH_REGISTRY', ended.stderr)
    assert.equal(ended.exit, 8)
    assert.equal(await annotations(), rows)
    await host('systemctl start schema-registry.service')
    console.log(`    started: answers after ${(await backWithin()).toFixed(1)} s`)
    await host('podman kill --signal KILL schema-registry')
    console.log(`    killed: answers after ${(await backWithin()).toFixed(1)} s`)
    assert.equal((await publishTrial('1.2.0', growing)).exit, 0)
  })

  test('who asks while it says nothing any more is told so within a minute', async () => {
    const token = await writerToken()
    const silent = `ip=$(podman inspect schema-registry --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
      nft add table ip silent && nft 'add chain ip silent out { type filter hook output priority 200; }' && nft add rule ip silent out ip daddr $ip drop`
    // So that there is a connection, which the packets are then taken from.
    assert.equal((await registry('/search/artifacts', { token })).status, 200)
    await host(silent)
    try {
      const started = performance.now()
      const { status } = await registry('/search/artifacts', { token })
      console.log(`    ${status} after ${((performance.now() - started) / 1000).toFixed(1)} s`)
      assert.ok(status === 503 || status === 504, String(status))
    } finally {
      await host('nft delete table ip silent')
    }
    await backWithin()
  })

  test('a label above the ceiling of the site is refused on publishing', async () => {
    const config = '/srv/sallyport/control-plane/config/config.json'
    await host(`cp -a ${config} /var/tmp/config.json && sed -i 's/"level": "TOP SECRET"/"level": "SECRET"/' ${config} && grep -q '"level": "SECRET"' ${config} && systemctl restart control-plane.service`)
    try {
      await answersWithin(BACK_WITHIN_S)
      const ended = await publish(PLACES, 'p.ortega', DENIED_AREA)
      assert.equal(ended.error?.code, 'E_MESH_CEILING', ended.stderr)
      assert.match(ended.stderr, /TOP SECRET is above this site's ceiling SECRET/)
      assert.equal((await publishTrial('1.2.0', growing)).exit, 0)
    } finally {
      await host(`cp -a /var/tmp/config.json ${config} && systemctl restart control-plane.service`)
    }
    await answersWithin(BACK_WITHIN_S)
  })

  async function backWithin(): Promise<number> {
    const started = performance.now()
    for (;;) {
      const passed = (performance.now() - started) / 1000
      const well = await registry('/search/artifacts', { token: await writerToken() }).catch(() => undefined)
      if (well?.status === 200) return passed
      if (passed > BACK_WITHIN_S) assert.fail(`the registry did not answer within ${BACK_WITHIN_S} s: ${well?.text}`)
      await pause(500)
    }
  }
})
