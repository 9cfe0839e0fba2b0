import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { extensions } from '../../bundles/mesh/releases/1.1.0/overlay/images/control-plane/extensions.ts'
import { decisionPoint } from '../../src/mesh/access/decide.ts'
import { openDatabase as open } from '../../src/mesh/catalog/database.ts'
import type { Database } from '../../src/mesh/catalog/database.ts'
import { migrate } from '../../src/mesh/catalog/migrate.ts'
import { Catalog } from '../../src/mesh/catalog/products.ts'
import { publishContract } from '../../src/mesh/catalog/publication.ts'
import { readGovernance } from '../../src/mesh/contracts/governance.ts'
import { parseContract } from '../../src/mesh/contracts/parse.ts'
import type { MeshConfig } from '../../src/mesh/config.ts'
import type { MeshFault } from '../../src/mesh/fault.ts'
import type { Reader } from '../../src/mesh/identity/reader.ts'
import { canonicalLabel } from '../../src/mesh/labels/label.ts'
import { parseLabelPolicy } from '../../src/mesh/labels/policy.ts'
import { serve } from '../../src/mesh/serve.ts'
import { tlsMaterial } from '../../src/mesh/tls/material.ts'
import { createPki } from './mesh-pki.ts'
import { IMAGE, PEOPLE, planeConfig, startIssuer, startPlane } from './mesh-plane.ts'
import { freePort, startPostgres } from './mesh-postgres.ts'
import { ShelfStore } from './mesh-shelf-store.ts'

const bundle = new URL('../../bundles/mesh/', import.meta.url)
const pki = await createPki(['localhost', 'control-plane', ...Object.keys(PEOPLE)])
const postgres = await startPostgres(pki)
const openDatabase = (config: MeshConfig['database']): Database => open(config, tlsMaterial(pki.files('control-plane')))
const folder = mkdtempSync(join(tmpdir(), 'mesh-migrations-'))
after(async () => {
  await postgres.stop()
  pki.remove()
  rmSync(folder, { recursive: true, force: true })
})

const migrations = (name: string, releases: readonly string[]): string => {
  const to = join(folder, name)
  cpSync(join(IMAGE, 'migrations'), to, { recursive: true })
  for (const release of releases) {
    const overlay = new URL(`releases/${release}/overlay/images/control-plane/migrations`, bundle)
    cpSync(fileURLToPath(overlay), to, { recursive: true })
  }
  return to
}
const [first, second, third] = [
  migrations('1.0.0', []),
  migrations('1.1.0', ['1.1.0']),
  migrations('1.1.1', ['1.1.0', '1.1.1']),
]

const refused = (pattern: RegExp) => (error: MeshFault) =>
  error.code === 'E_MESH_SCHEMA' && pattern.test(`${error.message} ${error.detail.found ?? ''}`)

test('search and links filter in SQL exactly as the decision point decides', async () => {
  const database = openDatabase(await postgres.database('filter'))
  await migrate(database, first)
  const policy = parseLabelPolicy(readFileSync(join(IMAGE, 'label-policy.json'), 'utf8'), 'policy')
  const point = decisionPoint(policy)
  const catalog = new Catalog(database, policy)
  const governance = await readGovernance(join(IMAGE, 'governance'))
  const text = readFileSync(new URL('products/denied-area-activity/contract.yaml', bundle), 'utf8')
  const contract = parseContract(text, policy, governance)
  const levels = [...policy.levels.keys()]
  const categories = [...policy.categories.keys()]
  const nations = [...policy.nations]
  const labels = fc.sample(
    fc
      .tuple(fc.constantFrom(...levels), fc.subarray(categories), fc.subarray(nations))
      .map(([level, some, others]) => canonicalLabel(policy, level, some, others)),
    { numRuns: 60, seed: 7 },
  )
  for (const [index, catalogLabel] of labels.entries()) {
    const named = { ...contract, name: `product-${index}`, catalogLabel, dataLabel: catalogLabel }
    await publishContract({ database, policy }, randomUUID(), named, 'publisher', new Date(), async () => ({
      object: `object-${index}`,
      sha256: '',
      bytes: 0,
      pointer: '',
      files: [],
      labels: [],
      records: 0,
      completeness: 1,
      label: catalogLabel,
    }))
  }
  const readers = fc
    .record({
      clearance: fc.constantFrom(...levels, 'UNKNOWN'),
      caveats: fc.subarray(categories),
      nationality: fc.constantFrom(...nations, "x' OR true --"),
    })
    .map((claims): Reader => ({ subject: 's', name: 'n', organisation: 'o', certificate: 'c', token: 't', ...claims }))
  await fc.assert(
    fc.asyncProperty(readers, async (reader) => {
      const visible = (parameter: number) => point.condition(reader, 'discover', parameter)
      const { count, products } = await catalog.search('', visible)
      const expected = labels.flatMap((label, index) =>
        point.decide(reader, 'discover', label, 'geoint').allowed ? [`product-${index}`] : [],
      )
      assert.deepEqual(products.map((product) => product.name).toSorted(), expected.toSorted())
      assert.equal(count, expected.length)
      const link = await catalog.entry('geoint', 'product-0', visible)
      assert.equal(link !== undefined, expected.includes('product-0'))
    }),
    { numRuns: 60 },
  )
  const everyone = (parameter: number) => ({ text: `$${parameter}::boolean`, parameters: ['true'] })
  assert.equal((await catalog.search('100%', everyone)).count, 0)
  assert.equal((await catalog.search('denied PRODUCT-7', everyone)).count, 1)
  // Labels under another version of the policy are not understood, so nobody sees them.
  assert.equal((await new Catalog(database, { ...policy, version: '2' }).search('', everyone)).count, 0)
  await database.close()
})

test('migrations run once, in order, all or nothing, and never backwards', async () => {
  const database = openDatabase(await postgres.database('migrations'))
  const racing = openDatabase({ ...(await postgres.database('unused')), database: 'migrations' })
  assert.deepEqual(await Promise.all([migrate(database, first), migrate(racing, first)]), [1, 1])
  await racing.close()
  assert.equal(await migrate(database, second), 2)
  assert.equal(await migrate(database, second), 2)
  await assert.rejects(migrate(database, first), refused(/newer than this release/))
  await assert.rejects(migrate(database, third), refused(/0003_search_by_meaning.sql .*"?vector"?/))
  assert.equal(await migrate(database, second), 2)
  const changed = migrations('changed', ['1.1.0'])
  writeFileSync(join(changed, '0001_catalog.sql'), 'SELECT 1;\n')
  await assert.rejects(migrate(database, changed), refused(/migration 1 is not the one/))
  await database.close()
})

test('release 1.1.0 keeps the data and shows adoption to the owning domain only; 1.1.1 fails its health check', async () => {
  const issuer = await startIssuer(pki)
  const database = await postgres.database('upgrade')
  const store = new ShelfStore()
  const state = join(folder, 'state')
  const as = async (person: keyof typeof PEOPLE) => ({ certificate: person, token: await issuer.token(person, PEOPLE[person]) })
  const path = '/v1/catalog/geoint/imagery-annotation-layer'
  const ask = { product: 'geoint/imagery-annotation-layer', sql: 'SELECT id FROM product LIMIT 3' }
  const read = (name: string) => readFileSync(new URL(`products/imagery-annotation-layer/${name}`, bundle), 'utf8')
  const records = read('records.ndjson').trimEnd().split('\n').map((line) => JSON.parse(line) as object)

  const old = await startPlane({ pki, issuer, database, store, state })
  const published = await old.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: read('contract.yaml'), records })
  assert.equal(published.status, 201, published.text)
  await old.close()

  const upgraded = await startPlane({ pki, issuer, database, store, state, migrations: second, extensions })
  for (let count = 0; count < 2; count += 1) {
    const reply = await upgraded.ask('POST', '/v1/query', await as('secret-analyst'), ask)
    assert.equal(reply.body.rows.length, 3, reply.text)
  }
  const own = (await upgraded.ask('GET', path, await as('geoint-publisher'))).body
  assert.equal(own.id, published.body.id)
  const [usage] = own.extensions.usage
  assert.deepEqual([usage.organisation, usage.queries, usage.records], ['All-source cell', 2, 6])
  assert.equal((await upgraded.ask('GET', path, await as('secret-analyst'))).body.extensions, undefined)
  await upgraded.close()

  const stop = new AbortController()
  const config = { ...planeConfig({ pki, issuer, database, store, state, migrations: third }), health: { address: '127.0.0.1', port: await freePort() } }
  const starting = serve(
    { config, files: IMAGE, program: join(IMAGE, 'main.ts'), extensions, openStore: async () => store, log: () => undefined },
    stop.signal,
  )
  starting.catch(() => undefined)
  const { status, body } = await failing(config.health.port)
  assert.deepEqual([status, body.status], [503, 'failed'])
  assert.match(body.checks[0]?.detail ?? '', /E_MESH_SCHEMA migration 0003_search_by_meaning.sql cannot run .*vector/)
  stop.abort()
  await assert.rejects(starting)

  const back = await startPlane({ pki, issuer, database, store, state, migrations: second, extensions })
  assert.equal((await back.ask('POST', '/v1/query', await as('secret-analyst'), ask)).status, 200)
  await back.close()
  await issuer.stop()
})

interface Health {
  readonly status: string
  readonly checks: readonly { readonly detail: string }[]
}

async function failing(port: number): Promise<{ status: number; body: Health }> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await new Promise<{ status: number; body: Health } | undefined>((resolve) => {
      get({ host: '127.0.0.1', port, path: '/v1/health' }, (response) => {
        let text = ''
        response.on('data', (part) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Health }))
      }).on('error', () => resolve(undefined))
    })
    if (answer?.body.status === 'failed') return answer
    await sleep(100)
  }
  return assert.fail('health never said failed')
}
