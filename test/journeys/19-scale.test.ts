import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { catalog, publish, query } from '../../src/demo/mesh.ts'
import { profileOf } from '../../src/demo/organisation.ts'
import { DENIED_AREA, IMAGERY, type PersonId } from '../../src/demo/people.ts'
import { labDown, labPower, type Lab } from '../../src/lab/lab.ts'
import type { QueryAnswer } from '../../src/mesh/api.ts'
import { MeshClient } from '../../src/mesh-client/client.ts'
import { readProfile } from '../../src/mesh-client/profile.ts'
import { COUNT } from './shared/enclave.ts'
import { footprint } from './shared/footprint.ts'
import { meshOf, type InstalledMesh } from './shared/installed-mesh.ts'
import { certificateFor, PERSON } from './shared/mutual-tls.ts'
import { readObject, storeAt } from './shared/object-store.ts'
import { sessionAt } from './shared/postgresql.ts'
import { Stream, type Summary } from './shared/streams.ts'
import { HOSTS, THREE, THREE_PLACES, becomes, containers, converge, on, say, threeInstalled } from './shared/three.ts'
import { atTrino, statement } from './shared/trino.ts'
import { assertUnchanged } from './shared/unchanged.ts'

const EVERYTHING = 'SELECT * FROM product ORDER BY id'
/** Longest time that a client may wait for an answer while the others make sure that a host is gone. */
const PAUSE_S = 60
const BUCKET = 'journey'

describe('profile scale: three hosts, and the mesh goes on without one of them', () => {
  let lab: Lab
  let mesh: InstalledMesh

  before(async () => {
    lab = await threeInstalled()
  })

  after(async () => {
    if (lab !== undefined) await labDown(THREE)
  })

  const client = async (person: PersonId): Promise<MeshClient> =>
    new MeshClient(await readProfile(profileOf(THREE_PLACES, person), () => Promise.reject(new Error('no passphrase'))), AbortSignal.timeout(120_000))
  const rows = async (person: PersonId, sql: string, engine: 'duckdb' | 'trino'): Promise<QueryAnswer> =>
    (await client(person)).query({ product: IMAGERY, sql, engine })

  test('the site of profile standard grows to scale on its three hosts, and keeps its data', async () => {
    await becomes('scale')
    await converge()
    mesh = await meshOf(THREE_PLACES, lab, (await readFile(THREE_PLACES.passphrase, 'utf8')).trim())
    const replicated = ['object-store-mon', 'object-store-osd', 'object-store-rgw', 'postgresql', 'postgresql-etcd', 'proxy', 'node-exporter']
    const inside = { h1: [...replicated, 'keycloak', 'trino'], h2: [...replicated, 'control-plane', 'schema-registry', 'trino-worker'], h3: [...replicated, 'control-plane', 'schema-registry', 'trino-worker'] }
    for (const host of HOSTS) {
      const there = await containers(lab, host)
      assert.deepEqual(inside[host].filter((name) => !there.includes(name)), [], host)
    }
    const ended = await query(THREE_PLACES, 's.analyst', IMAGERY, COUNT)
    assert.equal(Number((ended.result as { rows: unknown[][] }).rows[0]?.[0]), 10, ended.stderr)
    assert.deepEqual(await catalog(THREE_PLACES, 's.analyst'), { names: [IMAGERY], count: 1 })
    for (const line of await footprint(lab, HOSTS)) say(line)
  })

  interface Cluster {
    readonly status: string
    readonly monitors: { readonly known: number; readonly quorum: number }
    readonly storage: { readonly known: number; readonly up: number }
  }
  const ceph = async (host: string): Promise<Cluster> => JSON.parse(await on(lab, host, 'podman exec object-store-mon cluster-status')) as Cluster
  interface Member {
    readonly name: string
    readonly role: string
    readonly state: string
  }
  const members = async (host: string): Promise<readonly Member[]> =>
    (JSON.parse(await get(host, 'http://127.0.0.1:18008/cluster')) as { members: Member[] }).members

  /** What a backend of a host answers to root there. */
  const get = (host: string, url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> =>
    on(lab, host, `python3 -I -c "import sys,json,urllib.request as u;print(u.urlopen(u.Request(sys.argv[1],headers=json.loads(sys.argv[2]))).read().decode())" '${url}' '${JSON.stringify(headers)}'`)

  async function whole(through: string): Promise<void> {
    const { status, monitors, storage } = await ceph(through)
    assert.deepEqual({ status, monitors, storage }, { status: 'HEALTH_OK', monitors: { known: 3, quorum: 3 }, storage: { known: 3, up: 3 } })
    const found = await members(through)
    assert.deepEqual(found.map(({ state }) => state).toSorted(), ['running', 'streaming', 'streaming'])
    assert.deepEqual(found.map(({ role }) => role).toSorted(), ['leader', 'replica', 'sync_standby'])
  }

  test('three copies of every object, one database on three hosts, two control planes', async () => {
    await whole('h1')
    for (const host of ['h2', 'h3']) await on(lab, host, 'podman exec control-plane node /app/main.mjs verify-audit >/dev/null')
  })

  test('Trino and DuckDB give the same rows of the same table, and to each person their own', async () => {
    const published = await publish(THREE_PLACES, 'p.ortega', IMAGERY)
    assert.equal(published.exit, 0, published.stderr)
    for (const [person, count] of [['p.ortega', 12], ['s.analyst', 10], ['c.tremblay', 10]] as const) {
      const answers = [await rows(person, EVERYTHING, 'duckdb'), await rows(person, EVERYTHING, 'trino')]
      const [duckdb, trino] = answers
      assert.equal(duckdb?.rows.length, count, person)
      assert.deepEqual(trino?.columns.map(({ name }) => name), duckdb?.columns.map(({ name }) => name))
      assert.deepEqual(trino?.rows, duckdb?.rows, person)
      assert.deepEqual([trino?.marking, trino?.label], [duckdb?.marking, duckdb?.label], person)
    }
    const aggregate = 'SELECT relationship_type, count(*) AS n, max(confidence) AS best FROM product GROUP BY relationship_type ORDER BY relationship_type'
    assert.deepEqual((await rows('s.analyst', aggregate, 'trino')).rows, (await rows('s.analyst', aggregate, 'duckdb')).rows)
  })

  test('Trino shows nobody more: no release, no product above, no other table, no other way in', async () => {
    const refused = async (person: PersonId, product: string, sql: string): Promise<string> =>
      (await client(person)).query({ product, sql, engine: 'trino' }).then(
        () => assert.fail(`${person} was answered: ${sql}`),
        (error: unknown) => String((error as { code?: string }).code),
      )
    assert.equal(await refused('f.moreau', IMAGERY, COUNT), 'E_MESH_NOT_FOUND')
    assert.equal(await refused('s.analyst', DENIED_AREA, COUNT), 'E_MESH_NOT_FOUND')
    for (const sql of ['SHOW CATALOGS', 'SELECT * FROM system.runtime.queries', 'SELECT * FROM mesh.information_schema.tables', 'DROP TABLE product', 'SELECT * FROM "mesh"."lake"."anything"'])
      assert.match(await refused('s.analyst', IMAGERY, sql), /E_MESH_QUERY/, sql)
    const person = await certificateFor(mesh, PERSON)
    assert.equal((await atTrino(mesh, person, 's.analyst', '/v1/statement', 'SELECT 1')).status, 403)
    // Whoever may call, but was granted nothing.
    const caller = await certificateFor(mesh, 'control-plane')
    assert.match(await statement(mesh, caller, 'nobody', 'SELECT 1'), /PERMISSION_DENIED/)
    assert.equal((await atTrino(mesh, caller, 'prometheus', '/metrics')).status, 403)
  })

  test('metrics of every service of every host are collected, Trino’s among them', async () => {
    const until = performance.now() + 60_000
    for (;;) {
      const text = await get('h1', 'http://127.0.0.1:19090/api/v1/query?query=up')
      const { data } = JSON.parse(text) as { data: { result: { metric: { service: string; host: string }; value: [number, string] }[] } }
      const down = data.result.filter(({ value }) => value[1] !== '1').map(({ metric }) => `${metric.service} of ${metric.host}`)
      const trino = data.result.filter(({ metric }) => metric.service.startsWith('trino'))
      if (down.length === 0 && trino.length === 3) break
      assert.ok(performance.now() < until, `down: ${down.join(', ')}; Trino: ${trino.length}`)
      await pause(2000)
    }
  })

  /** Powers a host off without warning while four kinds of work go on by way of another. */
  async function lose(victim: string, through: string): Promise<{ summaries: readonly Summary[]; written: string[] }> {
    const store = await storeAt(mesh, through)
    if (!(await store.bucketExists(BUCKET))) await store.makeBucket(BUCKET, 'us-east-1')
    await store.putObject(BUCKET, 'kept', 'kept')
    const written: string[] = []
    const setUp = await sessionAt(mesh, through)
    await setUp.query('CREATE TABLE IF NOT EXISTS journey_outage (text text PRIMARY KEY)')
    await setUp.end()
    let number = 0
    const streams = [
      new Stream('object written', async () => void (await store.putObject(BUCKET, `${victim}-${(number += 1)}`, 'written'))),
      new Stream('object read', async () => assert.equal(await readObject(store, BUCKET, 'kept'), 'kept')),
      new Stream('row committed', async () => {
        const session = await sessionAt(mesh, through)
        const text = `${victim} ${(number += 1)}`
        try {
          await session.query('INSERT INTO journey_outage VALUES ($1)', [text])
          written.push(text)
        } finally {
          await session.end().catch(() => undefined)
        }
      }),
      new Stream('product asked', async () => assert.equal(Number((await (await client('s.analyst')).query({ product: IMAGERY, sql: COUNT })).rows[0]?.[0]), 10)),
    ]
    await Promise.all(streams.map((stream) => stream.doneAfter(0, 30)))
    await pause(3000)
    const cut = performance.now()
    await labPower(THREE, victim, 'cut')
    const dark = performance.now()
    await pause(2000)
    await Promise.all(streams.map((stream) => stream.doneAfter(dark + 2000, PAUSE_S)))
    await pause(8000)
    const summaries = await Promise.all(streams.map((stream) => stream.stop(cut)))
    for (const { name, done, failed, pause: longest, errors } of summaries)
      say(`${victim} lost: ${name}: ${done} done, ${failed} failed, longest pause ${longest.toFixed(1)} s ${errors.join(' | ')}`)
    return { summaries, written }
  }

  test('a host loses its power, the one that writes the database: reads, writes, queries and publishing go on', async () => {
    const leader = (await members('h1')).find(({ role }) => role === 'leader')?.name
    const victim = leader === 'h2' ? 'h2' : 'h3'
    if (leader === 'h1') say('the database writes on h1')
    const other = victim === 'h2' ? 'h3' : 'h2'
    const { summaries, written } = await lose(victim, 'h1')
    for (const { name, pause: longest } of summaries) assert.ok(longest < PAUSE_S, `${name} paused for ${longest} s`)
    const session = await sessionAt(mesh, 'h1')
    const found = new Set((await session.query<{ text: string }>('SELECT text FROM journey_outage')).rows.map(({ text }) => text))
    await session.end()
    assert.deepEqual(written.filter((text) => !found.has(text)), [], 'a commit that was answered is lost')
    const published = await publish(THREE_PLACES, 'p.ortega', IMAGERY)
    assert.equal(published.exit, 0, published.stderr)
    assert.equal((await rows('p.ortega', EVERYTHING, 'trino')).rows.length, 12, 'Trino with the worker that is left')
    assert.equal((await ceph(other)).storage.up, 2)

    const started = performance.now()
    await labPower(THREE, victim, 'on')
    await eventually(300, () => whole(victim))
    say(`${victim} is back, and everything whole, ${((performance.now() - started) / 1000).toFixed(0)} s after its power`)
    await eventually(120, async () => assert.equal(await nodes(), 3))
  })

  async function eventually(seconds: number, done: () => Promise<void>): Promise<void> {
    const until = performance.now() + seconds * 1000
    for (;;) {
      const error = await done().then(() => undefined, (cause: unknown) => cause)
      if (error === undefined) return
      if (performance.now() > until) throw error
      await pause(1000)
    }
  }

  /** Coordinator and workers, as the coordinator counts them. */
  async function nodes(): Promise<number> {
    const metrics = await get('h1', 'http://127.0.0.1:18445/metrics', { 'x-trino-user': 'prometheus' })
    return Number(metrics.split('\n').find((line) => /^trino_metadata_\w+_ActiveNodeCount /.test(line))?.split(' ').at(-1))
  }

  test('a second run changes nothing, and every service is well', async () => {
    await assertUnchanged(lab, 'h1', await converge())
  })
})
