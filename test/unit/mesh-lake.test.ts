import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import avro from 'avsc'
import fastify from 'fastify'
import type { Field } from '../../src/mesh/contracts/contract.ts'
import { trinoAllows, trinoRows, labelCondition } from '../../src/mesh/lake/decisions.ts'
import type { TrinoQuestion } from '../../src/mesh/lake/decisions.ts'
import { answerTrino } from '../../src/mesh/lake/routes.ts'
import { fieldIds, icebergSchema } from '../../src/mesh/lake/schema.ts'
import { nextTable } from '../../src/mesh/lake/table.ts'

const field = (name: string, type: Field['type'], more: Partial<Field> = {}): Field => ({ name, type, description: '', required: false, unique: false, ...more })
const AT = new Date('2026-11-22T00:00:00Z')
const LOCATION = 's3://lake/4f9d0c52-0000-4000-8000-000000000001'

test('a column keeps its Iceberg id as long as its path and type stay, and no id is used twice', () => {
  const first = icebergSchema([field('id', 'string'), field('at', 'timestamp'), field('place', 'object', { fields: [field('lat', 'number')] })], [], 0)
  const second = icebergSchema(
    [field('at', 'timestamp'), field('place', 'object', { fields: [field('lat', 'number'), field('lon', 'number')] }), field('id', 'integer')],
    [first.schema],
    first.lastColumnId,
  )
  const ids = (schema: typeof first.schema): Record<string, number> => Object.fromEntries(schema.fields.map(({ name, id }) => [name, id]))
  assert.equal(ids(second.schema)['at'], ids(first.schema)['at'])
  assert.equal(ids(second.schema)['place'], ids(first.schema)['place'])
  assert.equal(ids(second.schema)['_label'], ids(first.schema)['_label'])
  assert.notEqual(ids(second.schema)['id'], ids(first.schema)['id'], 'a column of another type is another column')
  const used = [...JSON.stringify(second.schema.fields).matchAll(/"id":(\d+)/g)].map(([, id]) => id)
  assert.equal(new Set(used).size, used.length)
  assert.equal(second.schema['schema-id'], 1)
  const same = icebergSchema([field('id', 'string'), field('at', 'timestamp'), field('place', 'object', { fields: [field('lat', 'number')] })], [first.schema, second.schema], second.lastColumnId)
  assert.equal(same.schema['schema-id'], 0, 'a schema that the table had before has the same number')
  assert.match(fieldIds(first.schema.fields), /^\{"id": \d+, "at": \d+, "place": \{__duckdb_field_id: \d+, "lat": \d+\}, "_label": \d+\}$/)
})

test('each publication is a snapshot of its own; the table before stays whole', async () => {
  const fields = [field('id', 'string')]
  const data = (name: string, records: number) => ({ path: `${LOCATION}/data/${name}`, bytes: 10, records })
  const first = await nextTable(LOCATION, undefined, { fields, data: data('1.parquet', 2), at: AT })
  const frozen = JSON.stringify(first.metadata)
  const second = await nextTable(LOCATION, first.metadata, { fields, data: data('2.parquet', 3), at: AT })
  assert.equal(JSON.stringify(first.metadata), frozen)
  assert.equal(second.metadata['table-uuid'], first.metadata['table-uuid'])
  assert.deepEqual(second.metadata.snapshots.map((one) => one['sequence-number']), [1, 2])
  assert.equal(second.metadata['current-snapshot-id'], second.metadata.snapshots[1]?.['snapshot-id'])
  const names = [...first.files, ...second.files].map(({ name }) => name)
  assert.equal(new Set(names).size, 6, 'no file is written twice')
  const manifest = second.files.find(({ name }) => name.endsWith('-m0.avro'))
  const [entry] = await decoded(manifest?.body ?? Buffer.alloc(0)) as [{ data_file: { file_path: string; record_count: number } }]
  assert.deepEqual({ path: entry.data_file.file_path, records: entry.data_file.record_count }, { path: `${LOCATION}/data/2.parquet`, records: 3 })
  let table = first.metadata
  for (let number = 0; number < 30; number += 1) table = (await nextTable(LOCATION, table, { fields, data: data('n.parquet', 1), at: AT })).metadata
  assert.equal(table.snapshots.length, 20, 'the history is bounded')
})

const GRANT = { user: 'query-1', product: 'p1', labels: ['{"level":"SECRET"}', "{'}"] }
const grants = { of: async (user: string) => (user === GRANT.user ? GRANT : undefined) } as never

function question(user: string, operation: string, resource?: object): TrinoQuestion {
  return { input: { context: { identity: { user } }, action: { operation, ...(resource === undefined ? {} : { resource }) } } } as TrinoQuestion
}
const table = (name: string, schema = 'lake', catalog = 'mesh') => ({ table: { catalogName: catalog, schemaName: schema, tableName: name, columns: ['id'] } })

test('a query of the scale-out engine reads the one table it was granted, and nothing besides', async () => {
  const allowed = [question('query-1', 'ExecuteQuery'), question('query-1', 'SelectFromColumns', table('p1')), question('query-1', 'AccessCatalog', { catalog: { name: 'mesh' } })]
  for (const one of allowed) assert.equal(await trinoAllows(grants, one), true, one.input.action.operation)
  const operations = [
    'CreateTable', 'DropTable', 'InsertIntoTable', 'DeleteFromTable', 'UpdateTableColumns', 'TruncateTable', 'AddColumn', 'CreateView', 'CreateSchema',
    'ShowSchemas', 'ShowTables', 'ShowColumns', 'SetSystemSessionProperty', 'SetCatalogSessionProperty', 'ImpersonateUser', 'ReadSystemInformation',
    'WriteSystemInformation', 'ExecuteTableProcedure', 'ExecuteProcedure', 'ExecuteFunction', 'CreateFunction', 'GrantTablePrivileges', 'AnOperationOfTomorrow',
  ]
  for (const operation of operations) assert.equal(await trinoAllows(grants, question('query-1', operation, table('p1'))), false, operation)
  const others = [
    question('query-1', 'SelectFromColumns', table('p2')),
    question('query-1', 'SelectFromColumns', table('p1', 'information_schema')),
    question('query-1', 'SelectFromColumns', table('p1', 'lake', 'system')),
    question('query-1', 'AccessCatalog', { catalog: { name: 'system' } }),
    question('query-1', 'KillQueryOwnedBy', { user: { user: 'query-2' } }),
    question('query-2', 'ExecuteQuery'),
    question('query-2', 'SelectFromColumns', table('p1')),
    question('prometheus', 'SelectFromColumns', table('p1')),
    question('prometheus', 'ExecuteQuery'),
  ]
  for (const one of others) assert.equal(await trinoAllows(grants, one), false, JSON.stringify(one.input))
})

test('the rows of a table are those with a granted label; without a grant none', async () => {
  const [own] = await trinoRows(grants, question('query-1', 'GetRowFilters', table('p1')))
  assert.equal(own?.expression, `"_label" IN ('{"level":"SECRET"}', '{''}')`)
  for (const one of [question('query-1', 'GetRowFilters', table('p2')), question('query-2', 'GetRowFilters', table('p1'))]) {
    assert.deepEqual(await trinoRows(grants, one), [{ expression: 'false' }])
  }
  assert.equal(labelCondition([]), 'false')
})

async function decoded(body: Buffer): Promise<unknown[]> {
  const values: unknown[] = []
  const decoder = new avro.streams.BlockDecoder()
  decoder.on('data', (value: unknown) => values.push(value))
  await new Promise((resolve, reject) => Readable.from([body]).pipe(decoder).on('end', resolve).on('error', reject))
  return values
}

test('a worker of Trino asks who may read its metrics, and gets no other answer', async () => {
  const app = fastify()
  answerTrino(app, grants, 'demo.example')
  const asks = async (service: string, path: 'allow' | 'rows', payload: TrinoQuestion): Promise<number> => {
    const headers = { 'x-forwarded-client-cert': `Hash=${'a'.repeat(64)};Subject="CN=${service}";DNS=${service}.demo.example` }
    return (await app.inject({ method: 'POST', url: `/v1/decisions/trino/${path}`, headers, payload })).statusCode
  }
  const [metrics, query] = [question('prometheus', 'ReadSystemInformation'), question('query-1', 'SelectFromColumns', table('p1'))]
  assert.deepEqual([await asks('trino', 'allow', query), await asks('trino', 'rows', query), await asks('trino-worker', 'allow', metrics)], [200, 200, 200])
  for (const path of ['allow', 'rows'] as const) assert.notEqual(await asks('trino-worker', path, query), 200, path)
  for (const payload of [metrics, query]) assert.notEqual(await asks('prometheus', 'allow', payload), 200)
})
