import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { createPki } from './mesh-pki.ts'
import { PEOPLE, startIssuer, startPlane } from './mesh-plane.ts'
import type { Person, Reply } from './mesh-plane.ts'
import { startPostgres } from './mesh-postgres.ts'
import { ShelfStore } from './mesh-shelf-store.ts'

const people = Object.keys(PEOPLE) as Person[]
const pki = await createPki(['localhost', 'control-plane', ...people])
const postgres = await startPostgres(pki)
const issuer = await startIssuer(pki)
const store = new ShelfStore()
const plane = await startPlane({ pki, issuer, database: await postgres.database('lake'), store })
after(async () => {
  await plane.close()
  await issuer.stop()
  await postgres.stop()
  pki.remove()
})

const NAME = 'imagery-annotation-layer'
const read = (file: string): string => readFileSync(new URL(`../../bundles/mesh/products/${NAME}/${file}`, import.meta.url), 'utf8')
const lines = read('records.ndjson').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
const ask = async (person: Person, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> =>
  plane.ask(method, path, { certificate: person, token: await issuer.token(person, PEOPLE[person]) }, body)
const publish = (records: readonly object[]): Promise<Reply> => ask('geoint-publisher', 'POST', '/v1/products', { contract: read('contract.yaml'), records })
const count = async (): Promise<Reply> => ask('geoint-publisher', 'POST', '/v1/query', { product: `geoint/${NAME}`, sql: 'SELECT count(*) FROM product' })

test('each publication is a snapshot of one Iceberg table, named by the opaque id alone', async () => {
  const first = await publish(lines)
  assert.equal(first.status, 201, first.text)
  const second = await publish(lines.slice(0, 5))
  assert.equal(second.status, 201, second.text)
  assert.deepEqual((await count()).body.rows, [['5']])
  const keys = store.keys('lake')
  assert.ok(keys.every((key) => key.startsWith(`${first.body.id}/`)))
  assert.equal(keys.filter((key) => key.endsWith('.parquet')).length, 2, 'the records before stay as they were')
  const newest = keys.filter((key) => key.endsWith('.metadata.json')).toSorted().at(-1) ?? ''
  const metadata = JSON.parse((await store.get('lake', newest)).toString()) as { snapshots: { summary: Record<string, string> }[]; location: string }
  assert.deepEqual(metadata.snapshots.map(({ summary }) => summary['total-records']), ['12', '5'])
  assert.equal(metadata.location, `s3://lake/${first.body.id}`)
  assert.doesNotMatch(keys.join(' ') + JSON.stringify(metadata.location), /imagery|geoint/)
})

test('a file of the table whose bytes were changed in the store is not answered from', async () => {
  const { id } = (await ask('geoint-publisher', 'GET', `/v1/catalog/geoint/${NAME}`)).body
  const refused = []
  for (const key of store.keys('lake').filter((one) => one.startsWith(id))) {
    const body = await store.get('lake', key)
    const other = Buffer.from(body)
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
    store.tamper('lake', key, other)
    const reply = await count()
    if (reply.status !== 200) {
      assert.deepEqual([reply.status, reply.body.code], [503, 'E_MESH_STORE'], key)
      refused.push(key)
    }
    store.tamper('lake', key, body)
  }
  // Data, metadata, manifest list and manifest of the publication that is current; those before it are not read.
  assert.equal(refused.length, 4)
  assert.equal((await count()).status, 200)
})

test('a publication that cannot be stored leaves no object and no snapshot', async () => {
  const before = store.keys('lake')
  store.failing = 'after'
  const reply = await publish(lines).finally(() => (store.failing = undefined))
  assert.equal(reply.status, 503)
  assert.deepEqual(store.keys('lake'), before)
  assert.deepEqual((await count()).body.rows, [['5']])
})

test('a site without the scale-out engine says so, and answers nothing that Trino would ask', async () => {
  const reply = await ask('geoint-publisher', 'POST', '/v1/query', { product: `geoint/${NAME}`, sql: 'SELECT 1', engine: 'trino' })
  assert.deepEqual([reply.status, reply.body.code], [400, 'E_MESH_QUERY'])
  assert.equal((await ask('geoint-publisher', 'POST', '/v1/decisions/trino/allow', { input: {} })).status, 404)
})
