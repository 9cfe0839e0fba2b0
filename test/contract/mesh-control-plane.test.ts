import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLog } from '../../src/mesh/audit/verify.ts'
import { serve } from '../../src/mesh/serve.ts'
import { createPki } from './mesh-pki.ts'
import { AUDIT_KEYS, IMAGE, PEOPLE, startIssuer, startPlane } from './mesh-plane.ts'
import type { Json, Person, Reply } from './mesh-plane.ts'
import { freePort, startPostgres } from './mesh-postgres.ts'
import { ShelfStore } from './mesh-shelf-store.ts'

const people = Object.keys(PEOPLE) as Person[]
const pki = await createPki(['localhost', 'control-plane', ...people])
const postgres = await startPostgres(pki)
const issuer = await startIssuer(pki)
const store = new ShelfStore()
const plane = await startPlane({ pki, issuer, database: await postgres.database('plane'), store, limits: { queryRows: 100, querySeconds: 10 } })
const low = await startPlane({ pki, issuer, database: await postgres.database('low'), store: new ShelfStore(), ceiling: 'SECRET' })
after(async () => {
  await plane.close()
  await low.close()
  await issuer.stop()
  await postgres.stop()
  pki.remove()
})

const as = async (person: Person): Promise<{ certificate: string; token: string }> => ({
  certificate: person,
  token: await issuer.token(person, PEOPLE[person]),
})
const read = (path: string): string => readFileSync(new URL(`../../bundles/mesh/products/${path}`, import.meta.url), 'utf8')
const product = (name: string) => ({
  contract: read(`${name}/contract.yaml`),
  records: read(`${name}/records.ndjson`)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>),
})
const query = async (person: Person, sql: string, name = 'geoint/imagery-annotation-layer'): Promise<Reply> =>
  plane.ask('POST', '/v1/query', await as(person), { product: name, sql })

const events = async (): Promise<Json[]> => {
  const found: Json[] = []
  const keys = new Map(Object.entries(AUDIT_KEYS).map(([name, key]) => [name, createPublicKey(key)]))
  await verifyLog({ store, bucket: 'audit', site: 'site-1' }, keys, (line) => found.push(JSON.parse(line)))
  return found
}
const lastEvent = async (): Promise<Json> => (await events()).at(-1)

test('a domain person publishes; the answer says label and marking', async () => {
  const reply = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), product('imagery-annotation-layer'))
  assert.equal(reply.status, 201, reply.text)
  assert.equal(reply.body.records, 12)
  assert.equal(reply.body.marking, 'SECRET//AZURE//REL TO USA, CAN')
  const files = store.keys('lake')
  assert.equal(files.filter((key) => key.startsWith(`${reply.body.id}/data/`)).length, 1)
  assert.equal(files.filter((key) => key.startsWith(`${reply.body.id}/metadata/`)).length, 3)
  const secret = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), product('denied-area-activity'))
  assert.equal(secret.status, 201, secret.text)
})

test('a released analyst finds the product and queries it, without the records not released to them', async () => {
  const found = await plane.ask('GET', '/v1/catalog?q=imagery', await as('secret-analyst'))
  assert.equal(found.status, 200, found.text)
  assert.equal(found.body.count, 1)
  const [entry] = found.body.entries
  assert.equal(entry.name, 'imagery-annotation-layer')
  assert.deepEqual(entry.sla, { freshnessHours: 8, availabilityPercent: 99, completenessPercent: 95 })
  assert.equal(entry.fresh, true)
  assert.equal(entry.dataMarking, 'SECRET//REL TO USA, CAN, GBR')
  const reply = await query('secret-analyst', 'SELECT count(*) AS n, min(acquisition_time) AS first FROM product')
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(reply.body.columns, [
    { name: 'n', type: 'BIGINT' },
    { name: 'first', type: 'TIMESTAMP WITH TIME ZONE' },
  ])
  assert.deepEqual(reply.body.rows, [['11', '2026-11-20 00:05:00+00']])
  assert.equal(reply.body.marking, 'SECRET//AZURE//REL TO USA, CAN, GBR')
  const event = await lastEvent()
  assert.equal(event.metadata.uid, reply.body.event)
  assert.equal(event.class_uid, 6005)
  assert.equal(event.actor.user.name, 'secret-analyst')
  assert.equal(event.databucket.name, 'geoint/imagery-annotation-layer')
  assert.equal(event.unmapped.classification.level, 'SECRET')
  assert.deepEqual([event.action_id, event.status_id], [1, 1])
  assert.deepEqual([event.src_endpoint.ip, event.metadata.log_provider], ['192.0.2.33', 'h1'])
})

test('a record is seen by whom its own label lets, and marked', async () => {
  const count = async (person: Person): Promise<unknown> => (await query(person, 'SELECT count(*) FROM product')).body.rows[0][0]
  assert.equal(await count('top-secret-analyst'), '12')
  assert.equal(await count('secret-analyst'), '11')
  const marks = await query('secret-analyst', 'SELECT DISTINCT _marking FROM product ORDER BY 1')
  assert.deepEqual(marks.body.rows, [['(S//AZURE//REL TO USA, CAN, GBR)'], ['(S//REL TO USA, CAN, GBR)']])
  const nested = await query('secret-analyst', `SELECT extensions, confidence + 1 FROM product WHERE confidence > 80 ORDER BY id LIMIT 1`)
  assert.equal(nested.status, 200, nested.text)
})

for (const [who, name] of [
  ['coalition-analyst', 'geoint/imagery-annotation-layer'],
  ['secret-analyst', 'geoint/denied-area-activity'],
] as const) {
  test(`${name} does not exist for the ${who}: search, count, link and query`, async () => {
    const found = await plane.ask('GET', '/v1/catalog', await as(who))
    assert.doesNotMatch(found.text, new RegExp(name.split('/')[1] ?? ''))
    assert.equal(found.body.count, found.body.entries.length)
    const link = await plane.ask('GET', `/v1/catalog/${name}`, await as(who))
    const noLink = await plane.ask('GET', '/v1/catalog/geoint/nothing-at-all', await as(who))
    assert.deepEqual([link.status, link.text], [404, noLink.text])
    const hidden = await query(who, 'SELECT * FROM product', name)
    const nothing = await query(who, 'SELECT * FROM product', 'geoint/nothing-at-all')
    assert.deepEqual([hidden.status, hidden.text], [404, nothing.text])
    const log = await events()
    const [, , denial, unknown] = log.slice(-4)
    assert.equal(denial.databucket.name, name)
    assert.deepEqual([denial.action_id, denial.disposition_id, denial.status_id], [2, 2, 2])
    assert.match(denial.status_detail, /clearance-too-low|not-releasable/)
    assert.equal(unknown.status_detail, 'unknown-product')
  })
}

test('only the own domain publishes, and only with a valid contract', async () => {
  const other = await issuer.token('secret-analyst', { ...PEOPLE['secret-analyst'], domain: 'sigint' })
  const denied = await plane.ask('POST', '/v1/products', { certificate: 'secret-analyst', token: other }, product('imagery-annotation-layer'))
  assert.deepEqual([denied.status, denied.body.code], [403, 'E_MESH_DENIED'])
  const noDomain = await plane.ask('POST', '/v1/products', await as('secret-analyst'), product('imagery-annotation-layer'))
  assert.equal(noDomain.status, 403)
  const { contract, records } = product('imagery-annotation-layer')
  const broken = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: contract.replace('kind: DataContract', 'kind: X'), records })
  assert.deepEqual([broken.status, broken.body.code], [422, 'E_MESH_CONTRACT'])
  assert.match(broken.body.faults.join('\n'), /^3:\d+ kind/m)
})

test('a published version of a contract never changes; the same one publishes new records', async () => {
  const { contract, records } = product('imagery-annotation-layer')
  const changed = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: `${contract}# changed\n`, records })
  assert.deepEqual([changed.status, changed.body.code], [409, 'E_MESH_CONFLICT'])
  const newer = contract.replace('version: 1.0.0', 'version: 1.1.0')
  assert.equal((await plane.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: newer, records })).status, 201)
  const older = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), { contract, records })
  assert.deepEqual([older.status, older.body.code], [409, 'E_MESH_CONFLICT'])
  assert.equal((await query('secret-analyst', 'SELECT 1 FROM product LIMIT 1')).body.version, '1.1.0')
})

test('publishing is all or nothing', async () => {
  const { contract, records } = product('imagery-annotation-layer')
  const before = await plane.ask('GET', '/v1/catalog/geoint/imagery-annotation-layer', await as('secret-analyst'))
  const bad = [...records, { ...records[0], id: 'x' }]
  const refused = await plane.ask('POST', '/v1/products', await as('geoint-publisher'), { contract: contract.replace('1.0.0', '1.2.0'), records: bad })
  assert.deepEqual([refused.status, refused.body.code], [422, 'E_MESH_RECORDS'])
  const afterwards = await plane.ask('GET', '/v1/catalog/geoint/imagery-annotation-layer', await as('secret-analyst'))
  assert.equal(afterwards.text, before.text)
})

test('a label above the ceiling of the site is refused', async () => {
  const reply = await low.ask('POST', '/v1/products', await as('geoint-publisher'), product('denied-area-activity'))
  assert.deepEqual([reply.status, reply.body.code], [422, 'E_MESH_CEILING'])
  assert.match(reply.body.faults.join(), /TOP SECRET is above this site's ceiling SECRET/)
})

for (const [what, sql, pattern] of [
  ['a file', `SELECT * FROM read_text('/etc/passwd')`, /file system operations are disabled/],
  ['a copy', `COPY product TO '/tmp/mesh-out.csv'`, /only SELECT|disabled/],
  ['an attached database', `ATTACH ':memory:' AS other`, /only SELECT/],
  ['a setting', `SET enable_external_access = true`, /only SELECT/],
  ['an extension', 'INSTALL httpfs', /only SELECT/],
  ['two statements', 'SELECT 1; SELECT 2', /one statement is expected, 2/],
  ['a change', 'DELETE FROM product', /only SELECT/],
  ['another table', 'SELECT * FROM other', /other does not exist/],
  ['nonsense', 'SELEKT', /syntax error/i],
] as const) {
  test(`a query for ${what} is refused, and logged`, async () => {
    const reply = await query('secret-analyst', sql)
    assert.deepEqual([reply.status, reply.body.code], [400, 'E_MESH_QUERY'], reply.text)
    assert.match(reply.body.found, pattern)
    const event = await lastEvent()
    assert.deepEqual([event.status_code, event.action_id, event.status_id], ['E_MESH_QUERY', 1, 2])
  })
}

test('time and size of a query are bounded, and the gateway goes on', async () => {
  const endless = await query('secret-analyst', 'SELECT count(*) FROM range(100000000) a, range(100000000) b')
  assert.deepEqual([endless.status, endless.body.code], [400, 'E_MESH_QUERY_LIMIT'], endless.text)
  const large = await query('secret-analyst', 'SELECT a.id FROM product a, product b')
  assert.deepEqual([large.status, large.body.code], [400, 'E_MESH_QUERY_LIMIT'])
  const memory = await query('secret-analyst', `SELECT max(length(s)) FROM (SELECT string_agg(repeat('x', 1000000), '') AS s FROM range(2000))`)
  assert.deepEqual([memory.status, memory.body.code], [400, 'E_MESH_QUERY_LIMIT'], memory.text)
  assert.equal((await query('secret-analyst', 'SELECT 1')).status, 200)
})

test('a token is good only on the connection it is bound to, and only whole', async () => {
  const claims = PEOPLE['secret-analyst']
  const path = '/v1/catalog'
  const status = async (token: string | undefined, certificate = 'secret-analyst'): Promise<number> =>
    (await plane.ask('GET', path, { certificate, ...(token !== undefined && { token }) })).status
  assert.equal(await status(await issuer.token('secret-analyst', claims)), 200)
  assert.equal(await status(undefined), 401)
  assert.equal(await status(await issuer.token('top-secret-analyst', PEOPLE['top-secret-analyst'])), 401)
  const past = Math.floor(Date.now() / 1000) - 60
  for (const change of [
    { exp: past },
    { aud: 'another' },
    { iss: 'https://elsewhere.test/' },
    { cnf: undefined },
    { clearance: 'COSMIC' },
    { clearance: undefined },
    { caveats: ['VELVET'] },
    { nationality: 'ATL' },
    { organisation: undefined },
  ]) {
    assert.equal(await status(await issuer.token('secret-analyst', { ...claims, ...change })), 401, JSON.stringify(change))
  }
  const [header, payload] = (await issuer.token('secret-analyst', claims)).split('.')
  assert.equal(await status(`${header}.${payload}.${Buffer.alloc(96).toString('base64url')}`), 401)
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  assert.equal(await status(`${none}.${payload}.x`), 401)
  const event = await lastEvent()
  assert.deepEqual([event.status_detail, event.actor.user.name], ['token-refused', 'CN=secret-analyst'])
})

test('without the proxy’s word on a certificate nothing is answered', async () => {
  const { token } = await as('secret-analyst')
  for (const path of ['/v1/catalog', '/v1/health']) {
    const reply = await plane.ask('GET', path, { token })
    assert.deepEqual([reply.status, reply.body.code], [401, 'E_MESH_TOKEN'], path)
  }
})

test('other hosts learn whether it is well, and nothing more', async () => {
  const { status, body } = await plane.ask('GET', '/v1/health', { certificate: 'secret-analyst' })
  assert.deepEqual([status, body], [200, { release: '1.0.0', schema: 1, status: 'ok', checks: [] }])
})

test('a request that cannot be understood says why', async () => {
  const reply = await plane.ask('POST', '/v1/query', await as('secret-analyst'), { product: 'x', sql: 1, more: true })
  assert.deepEqual([reply.status, reply.body.code], [400, 'E_MESH_REQUEST'])
})

test('health tells each part, on its own port', async () => {
  const { status, body } = await health(plane.healthPort)
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual([body.status, body.schema, body.release], ['ok', 1, '1.0.0'])
  assert.deepEqual(
    body.checks.map((check: { name: string; ok: boolean }) => [check.name, check.ok]),
    [['database', true], ['audit-log', true], ['identity', true]],
  )
})

test('a second process of the same control plane does not start, and says why', async () => {
  const stop = new AbortController()
  const config = { ...plane.config, health: { address: '127.0.0.1', port: await freePort() } }
  const files = { files: IMAGE, program: IMAGE, extensions: [], openStore: async () => store, log: () => undefined }
  const starting = serve({ config, ...files }, stop.signal)
  starting.catch(() => undefined)
  let detail = ''
  for (let attempt = 0; attempt < 100 && detail === ''; attempt += 1) {
    await sleep(100)
    detail = (await health(config.health.port).catch(() => undefined))?.body.checks[0]?.detail ?? ''
  }
  assert.match(detail, /E_MESH_AUDIT another process writes this control plane’s part/)
  stop.abort()
  await assert.rejects(starting)
})

test('when the audit log cannot be written nothing is answered', async () => {
  const before = (await events()).length
  store.failing = 'before'
  try {
    for (const reply of [
      await query('secret-analyst', 'SELECT * FROM product'),
      await plane.ask('GET', '/v1/catalog', await as('secret-analyst')),
      await plane.ask('GET', '/v1/catalog/geoint/imagery-annotation-layer', await as('secret-analyst')),
      await plane.ask('POST', '/v1/products', await as('geoint-publisher'), product('imagery-annotation-layer')),
    ]) {
      assert.deepEqual([reply.status, reply.body.code], [503, 'E_MESH_AUDIT'])
      assert.doesNotMatch(reply.text, /imagery|relationship/)
    }
    assert.equal((await health(plane.healthPort)).status, 503)
  } finally {
    store.failing = undefined
  }
  assert.equal((await query('secret-analyst', 'SELECT 1')).status, 200)
  assert.equal((await events()).length, before + 1)
})

function health(port: number): Promise<{ status: number; body: Json }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/v1/health' }, (answer) => {
      let text = ''
      answer.on('data', (part) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }))
    }).on('error', reject)
  })
}
