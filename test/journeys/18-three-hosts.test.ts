import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { catalog, publish, query } from '../../src/demo/mesh.ts'
import { DENIED_AREA, IMAGERY } from '../../src/demo/people.ts'
import { succeed } from '../../src/demo/sallyport.ts'
import { hostNamed, type Lab } from '../../src/lab/lab.ts'
import { COUNT } from './shared/enclave.ts'
import { footprint } from './shared/footprint.ts'
import { meshOf, type InstalledMesh } from './shared/installed-mesh.ts'
import { certificateFor, callersOf, knock, named, trialsAtPostgresql, trialsAtProxy, type Identity } from './shared/mutual-tls.ts'
import { declaredOutside, openPorts } from './shared/open-ports.ts'
import { HOSTS, THREE_PLACES, containers, converge, moved, on, say, threeHosts } from './shared/three.ts'
import { assertUnchanged } from './shared/unchanged.ts'

describe('profile standard on three hosts: each has its part, and one does not notice that the others are elsewhere', () => {
  let lab: Lab
  let mesh: InstalledMesh

  before(async () => {
    lab = await threeHosts()
  })

  test('three disconnected hosts are installed from one bundle', async () => {
    await converge()
    mesh = await meshOf(THREE_PLACES, lab, (await readFile(THREE_PLACES.passphrase, 'utf8')).trim())
    const everywhere = ['node-exporter', 'proxy']
    assert.deepEqual(await containers(lab, 'h1'), ['alertmanager', 'keycloak', 'prometheus', ...everywhere].toSorted())
    assert.deepEqual(await containers(lab, 'h2'), ['postgresql', 'postgresql-exporter', 'schema-registry', ...everywhere].toSorted())
    const store = ['mgr', 'mon', 'osd', 'rgw'].map((daemon) => `object-store-${daemon}`)
    assert.deepEqual(await containers(lab, 'h3'), ['control-plane', ...store, ...everywhere].toSorted())
    for (const line of await footprint(lab, HOSTS)) say(line)
  })

  test('people publish and ask as they do on one host, and labels hold', async () => {
    for (const product of [IMAGERY, DENIED_AREA]) {
      const ended = await publish(THREE_PLACES, 'p.ortega', product)
      assert.equal(ended.exit, 0, ended.stderr)
    }
    const counts = await Promise.all(
      (['p.ortega', 's.analyst'] as const).map(async (person) => {
        const ended = await query(THREE_PLACES, person, IMAGERY, COUNT)
        assert.equal(ended.exit, 0, ended.stderr)
        return Number((ended.result as { rows: unknown[][] }).rows[0]?.[0])
      }),
    )
    assert.deepEqual(counts, [12, 10])
    assert.deepEqual(await catalog(THREE_PLACES, 's.analyst'), { names: [IMAGERY], count: 1 })
    assert.equal((await query(THREE_PLACES, 'f.moreau', IMAGERY, COUNT)).exit, 11)
    await on(lab, 'h3', 'podman exec control-plane node /app/main.mjs verify-audit >/dev/null')
  })

  test('a scan of each host finds the declared ports, those of services elsewhere included, and no others', async () => {
    for (const { name, address, roles } of mesh.hosts) assert.deepEqual(await openPorts(address), declaredOutside(mesh, roles), name)
  })

  test('each host’s proxy and PostgreSQL let in the callers on the list, wherever they are, and nobody else', async () => {
    const identities = new Map<string, Identity>()
    for (const who of callersOf(mesh)) identities.set(named(who), await certificateFor(mesh, who))
    for (const { name, roles } of mesh.hosts) {
      const all = [...trialsAtProxy(mesh, roles), ...(roles.includes('postgresql') ? await trialsAtPostgresql(mesh) : [])]
      const trials = all.filter(({ identity, kind }) => kind === 'right' && (identity === null || identities.has(identity)))
      const answers = new Map((await knock(mesh, hostNamed(lab, name), trials, identities)).map((answer) => [answer.id, answer]))
      const wrong = trials.filter(({ id, passes, protocol }) => {
        const answer = answers.get(id)
        const refused = answer === undefined || answer.stage !== 'answer' || (protocol === 'https' ? answer.code === 403 : answer.code !== 200)
        return refused === passes
      })
      assert.deepEqual(wrong.map(({ id }) => `${id}: ${JSON.stringify(answers.get(id))}`), [], name)
      say(`${name}: ${trials.length} connections, ${trials.filter(({ passes }) => passes).length} on the list`)
    }
  })

  test('a service that keeps no data goes to another host by a line in site.yaml, and leaves nothing running behind', async () => {
    await moved('schema-registry', 'h2', 'h3')
    await converge()
    assert.ok(!(await containers(lab, 'h2')).includes('schema-registry'))
    assert.ok((await containers(lab, 'h3')).includes('schema-registry'))
    assert.equal(await on(lab, 'h2', 'systemctl list-units --all --no-legend "schema-registry*" | wc -l; ls /etc/containers/systemd/schema-registry.* 2>/dev/null || true'), '0')
    assert.equal((await publish(THREE_PLACES, 'p.ortega', IMAGERY)).exit, 0)
  })

  test('a second run changes nothing, and every service is well', async () => {
    await assertUnchanged(lab, 'h1', await converge())
    const { result } = await succeed(['status', '--site', THREE_PLACES.site])
    const { services } = result as { services: { unit: string; state: string }[] }
    for (const service of services) assert.equal(service.state, 'active', service.unit)
  })
})
