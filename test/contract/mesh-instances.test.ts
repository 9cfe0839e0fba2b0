import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { orderSpill } from '../../src/mesh/audit/spill.ts'
import { verifyLog } from '../../src/mesh/audit/verify.ts'
import type { MeshFault } from '../../src/mesh/fault.ts'
import { createPki } from './mesh-pki.ts'
import { AUDIT_KEYS, PEOPLE, startIssuer, startPlane } from './mesh-plane.ts'
import type { Json, Person, Plane } from './mesh-plane.ts'
import { startPostgres } from './mesh-postgres.ts'
import { ShelfStore } from './mesh-shelf-store.ts'

const pki = await createPki(['localhost', 'control-plane', ...Object.keys(PEOPLE)])
const postgres = await startPostgres(pki)
const issuer = await startIssuer(pki)
const database = await postgres.database('shared')
const store = new ShelfStore()
const folders = { h1: join(pki.folder, 'state-h1'), h2: join(pki.folder, 'state-h2') }
const shared = { pki, issuer, database, store }
const one = await startPlane({ ...shared, instance: 'h1', state: folders.h1 })
let two = await startPlane({ ...shared, instance: 'h2', state: folders.h2 })
after(async () => {
  await one.close()
  await two.close()
  await issuer.stop()
  await postgres.stop()
  pki.remove()
})

const place = { store, bucket: 'audit', site: 'site-1' }
const keys = new Map(Object.entries(AUDIT_KEYS).map(([name, key]) => [name, createPublicKey(key)]))
const as = async (person: Person) => ({ certificate: person, token: await issuer.token(person, PEOPLE[person]) })
const read = (file: string): string =>
  readFileSync(new URL(`../../bundles/mesh/products/imagery-annotation-layer/${file}`, import.meta.url), 'utf8')
const count = async (plane: Plane) =>
  plane.ask('POST', '/v1/query', await as('secret-analyst'), { product: 'geoint/imagery-annotation-layer', sql: 'SELECT count(*) FROM product' })
const events = async (): Promise<Json[]> => {
  const found: Json[] = []
  await verifyLog(place, keys, (line) => found.push(JSON.parse(line)))
  return found
}

test('what one control plane publishes, both answer from; each writes its own part of the log', async () => {
  const records = read('records.ndjson').trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)
  const published = await one.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: read('contract.yaml'), records })
  assert.equal(published.status, 201, published.text)
  const replies = await Promise.all([one, two, one, two].map(count))
  for (const { status, body } of replies) assert.deepEqual([status, body.rows], [200, [['11']]])
  const proof = await verifyLog(place, keys, () => undefined)
  assert.deepEqual(Object.keys(proof.instances), ['h1', 'h2'])
  assert.deepEqual([proof.instances['h1']?.events, proof.instances['h2']?.events, proof.events], [3, 2, 5])
  const written = new Set((await events()).map((event) => event.metadata.log_provider))
  assert.deepEqual([...written], ['h1', 'h2'])
})

test('a part that no control plane of the site wrote is found', async () => {
  const first = await store.get('audit', 'log/h1/000000000000.ndjson')
  await store.putLocked('audit', 'log/h9/000000000000.ndjson', first, new Date(Date.now() + 60_000))
  await assert.rejects(verifyLog(place, keys, () => undefined), (error: MeshFault) => /not this site’s/.test(error.message) && error.detail.found === 'h9')
  store.tamper('audit', 'log/h9/000000000000.ndjson', undefined)
  await store.putLocked('audit', 'log/h2x/000000000000.ndjson', first, new Date(Date.now() + 60_000))
  await assert.rejects(verifyLog(place, new Map([...keys, ['h2x', keys.get('h1') as never]]), () => undefined), /belongs to another log/)
  store.tamper('audit', 'log/h2x/000000000000.ndjson', undefined)
  assert.equal((await events()).length, 5)
})

test('keys of free text are destroyed on every host, also on one that was away, and both say so', async () => {
  const [{ databucket, time }] = (await events()).filter((event) => event.class_uid === 6005)
  const [product, day] = [databucket.uid as string, new Date(time).toISOString().slice(0, 10)]
  const key = (host: 'h1' | 'h2'): string => join(folders[host], product, `${day}.key`)
  for (const host of ['h1', 'h2'] as const) assert.ok(existsSync(key(host)), readdirSync(folders[host]).join())
  await two.close()
  const until = new Date(Date.now() + 60_000)
  await sleep(20)
  const order = await orderSpill(place, { instance: 'h1', key: AUDIT_KEYS.h1 }, { product, day }, until)
  assert.equal(order.product, product)
  two = await startPlane({ ...shared, instance: 'h2', state: folders.h2 })
  assert.equal(existsSync(key('h2')), false)
  for (let waited = 0; existsSync(key('h1')) && waited < 25_000; waited += 200) await sleep(200)
  assert.equal(existsSync(key('h1')), false)
  await sleep(100)
  const destroyed = (await events()).filter((event) => event.api?.operation === 'destroy-text')
  assert.deepEqual(destroyed.map((event) => event.metadata.log_provider).toSorted(), ['h1', 'h2'])
  assert.equal(destroyed[0].resources[0].uid, product)
  // What is typed afterwards has a key of its own, which no order means.
  assert.equal((await count(two)).status, 200)
  assert.ok(existsSync(key('h2')))
  await two.close()
  two = await startPlane({ ...shared, instance: 'h2', state: folders.h2 })
  assert.ok(existsSync(key('h2')))
})

test('an order that nobody of the site signed destroys nothing and stops nothing', async () => {
  const until = new Date(Date.now() + 60_000)
  await store.putLocked('audit', 'spill/00000000-0000-4000-8000-000000000000.json', Buffer.from('{"order":"{}","signature":""}'), until)
  await two.close()
  two = await startPlane({ ...shared, instance: 'h2', state: folders.h2 })
  assert.equal((await count(two)).status, 200)
})

test('metrics carry promises and measures by opaque id, and not one name', async () => {
  const id = (await one.ask('GET', '/v1/catalog/geoint/imagery-annotation-layer', await as('secret-analyst'))).body.id as string
  const text = await metrics(one.healthPort)
  for (const [name, pattern] of [
    ['product_freshness_seconds', /^\d+(\.\d+)?$/],
    ['product_freshness_objective_seconds', /^28800$/],
    ['product_available', /^1$/],
    ['product_availability_objective_ratio', /^0\.99$/],
    ['product_completeness_ratio', /^(1|0\.9\d*)$/],
    ['product_completeness_objective_ratio', /^0\.95$/],
  ] as const) {
    const line = text.split('\n').find((one_) => one_.startsWith(`sallyport_${name}{product="${id}"}`))
    assert.match(line?.split(' ')[1] ?? 'absent', pattern, name)
  }
  assert.match(text, /^sallyport_requests_total\{route="\/v1\/query",code="200"\} \d+$/m)
  assert.match(text, /^sallyport_request_duration_seconds_bucket\{le="0\.1",route="\/v1\/query"\} \d+$/m)
  assert.match(text, /^sallyport_audit_healthy 1$/m)
  assert.match(text, /^sallyport_audit_backlog_events 0$/m)
  assert.match(text, /^sallyport_audit_last_event_age_seconds \d/m)
  assert.doesNotMatch(text, /imagery|geoint|SECRET|analyst/i)
})

test('a product whose records are gone is not available', async () => {
  const objects = await Promise.all(store.data().map(async ({ bucket, key }) => ({ bucket, key, body: await store.get(bucket, key) })))
  for (const { bucket, key } of objects) store.tamper(bucket, key, undefined)
  await two.close()
  two = await startPlane({ ...shared, instance: 'h2', state: folders.h2 })
  for (let waited = 0; waited < 3000 && !/available\{/.test(await metrics(two.healthPort)); waited += 100) await sleep(100)
  assert.match(await metrics(two.healthPort), /^sallyport_product_available\{product="[^"]+"\} 0$/m)
  for (const { bucket, key, body } of objects) store.tamper(bucket, key, body)
})

function metrics(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics' }, (answer) => {
      let text = ''
      answer.on('data', (part) => (text += part))
      answer.on('end', () => resolve(text))
    }).on('error', reject)
  })
}
