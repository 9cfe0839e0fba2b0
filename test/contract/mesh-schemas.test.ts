import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { createPki } from './mesh-pki.ts'
import { PEOPLE, startIssuer, startPlane } from './mesh-plane.ts'
import type { Plane, Reply } from './mesh-plane.ts'
import { startPostgres } from './mesh-postgres.ts'
import { ShelfRegistry } from './mesh-shelf-registry.ts'
import { ShelfStore } from './mesh-shelf-store.ts'

const pki = await createPki(['localhost', 'control-plane', ...Object.keys(PEOPLE)])
const postgres = await startPostgres(pki)
const issuer = await startIssuer(pki)
const database = await postgres.database('schemas')
const store = new ShelfStore()
const registry = new ShelfRegistry()
const plane = await startPlane({ pki, issuer, database, store, registry })
after(async () => {
  await plane.close()
  await issuer.stop()
  await postgres.stop()
  pki.remove()
})

const WHO = 'geoint-publisher'
const PRODUCT = 'geoint/imagery-annotation-layer'
const read = (file: string): string =>
  readFileSync(new URL(`../../bundles/mesh/products/imagery-annotation-layer/${file}`, import.meta.url), 'utf8')
const contract = read('contract.yaml')
const records = read('records.ndjson').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
const version = (number: string, change: (text: string) => string = (text) => text): string =>
  change(contract.replace('version: 1.0.0', `version: ${number}`))
/** What every record has, so that the records are valid under either version. */
const demanding = (text: string): string => text.replace('name: created_by_ref, logicalType: string,', 'name: created_by_ref, logicalType: string, required: true,')

const who = async () => ({ certificate: WHO, token: await issuer.token(WHO, PEOPLE[WHO]) })
const publish = async (text: string, to: Plane = plane): Promise<Reply> => to.ask('POST', '/v1/products', await who(), { contract: text, records })
const entry = async (): Promise<Reply> => plane.ask('GET', `/v1/catalog/${PRODUCT}`, await who())

test('a published contract is in the registry, under opaque ids, as draft-07 and without labels or words', async () => {
  const reply = await publish(contract)
  assert.equal(reply.status, 201, reply.text)
  const [line = ''] = registry.lines()
  const [domain = '', product = '', number, state] = line.split(' ')
  assert.deepEqual([product, number, state], [reply.body.id, '1.0.0', 'current'])
  assert.match(domain, /^[0-9a-f-]{36}$/)
  const schema = registry.schema({ domain, product }, '1.0.0')
  assert.match(schema, /draft-07/)
  assert.doesNotMatch(schema, /SECRET|imagery|Facility|GEOINT/i)
})

test('a compatible version is accepted, and the one before it is marked, in registry and catalog', async () => {
  assert.equal((await publish(version('1.1.0'))).status, 201)
  assert.deepEqual(registry.lines().map((line) => line.split(' ').slice(2).join(' ')), ['1.0.0 deprecated', '1.1.0 current'])
  assert.deepEqual(
    (await entry()).body.versions.map((one: { version: string; state: string }) => [one.version, one.state]),
    [['1.1.0', 'current'], ['1.0.0', 'deprecated']],
  )
})

test('an incompatible version is refused with the registry’s reasons, and nothing has changed', async () => {
  const before = { lines: registry.lines(), entry: (await entry()).text, objects: store.data() }
  const reply = await publish(version('2.0.0', demanding))
  assert.deepEqual([reply.status, reply.body.code, reply.body.faults], [409, 'E_MESH_INCOMPATIBLE', ['/required: changed']])
  assert.deepEqual({ lines: registry.lines(), entry: (await entry()).text, objects: store.data() }, before)
})

for (const [what, break_, mend] of [
  ['the object store', () => (store.failing = 'before'), () => (store.failing = undefined)],
  ['the registry', () => (registry.failing = 'register'), () => (registry.failing = undefined)],
] as const) {
  test(`when ${what} fails in the midst, the version is in neither, and can be published afterwards`, async () => {
    const before = { lines: registry.lines(), entry: (await entry()).text }
    const number = what === 'the registry' ? '1.3.0' : '1.2.0'
    break_()
    const reply = await publish(version(number)).finally(mend)
    assert.equal(reply.status, 503, reply.text)
    assert.deepEqual({ lines: registry.lines(), entry: (await entry()).text }, before)
    assert.equal((await publish(version(number))).status, 201)
  })
}

test('what an interrupted publication left in the registry is cleared by the next one', async () => {
  const [place = ''] = registry.lines()
  const [domain = '', product = ''] = place.split(' ')
  await registry.register({ domain, product }, '1.9.9', registry.schema({ domain, product }, '1.0.0'))
  registry.failing = 'deprecate'
  assert.equal((await publish(version('1.4.0'))).status, 201)
  registry.failing = undefined
  assert.doesNotMatch(registry.lines().join(), /1\.9\.9/)
  assert.equal((await publish(version('1.5.0'))).status, 201)
  assert.match(registry.lines().join(), /1\.3\.0 deprecated.*1\.4\.0 deprecated.*1\.5\.0 current/)
})

test('a site that gets a registry later holds the next version against the one from before', async () => {
  const bare = await postgres.database('later')
  const without = await startPlane({ pki, issuer, database: bare, store: new ShelfStore() })
  assert.equal((await publish(contract, without)).status, 201)
  await without.close()
  const shelf = new ShelfRegistry()
  const later = await startPlane({ pki, issuer, database: bare, store: new ShelfStore(), registry: shelf })
  try {
    const refused = await publish(version('2.0.0', demanding), later)
    assert.deepEqual([refused.status, refused.body.code], [409, 'E_MESH_INCOMPATIBLE'])
    assert.equal((await publish(version('1.1.0'), later)).status, 201)
    assert.deepEqual(shelf.lines().map((line) => line.split(' ').slice(2).join(' ')), ['1.0.0 deprecated', '1.1.0 current'])
  } finally {
    await later.close()
  }
})
