import { DuckDBInstance, StatementType } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoted } from './columns.ts'
import { READY } from './protocol.ts'
import type { QueryJob, QueryOutcome } from './protocol.ts'

/**
 * A process that runs one query and ends. It holds only records its reader may see, in memory; DuckDB reaches neither
 * files nor network nor extensions, and its settings are locked before the first record arrives. So even SQL that finds
 * a way around the gateway's checks has nothing more to find here.
 */
export async function runQueryWorker(): Promise<void> {
  // The gateway going away ends the query too.
  process.once('disconnect', () => process.exit(0))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  process.once('message', (job: QueryJob) => {
    void answer(connection, job).then((outcome) => process.send?.(outcome, () => process.exit(0)))
  })
  process.send?.(READY)
}

async function answer(connection: DuckDBConnection, job: QueryJob): Promise<QueryOutcome> {
  try {
    await confine(connection, job.megabytes)
    await load(connection, job)
    return await run(connection, job)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const limit = /^(Out of Memory|INTERRUPT)/i.test(message)
    return { ok: false, kind: limit ? 'limit' : 'query', message: message.slice(0, 2000) }
  }
}

async function confine(connection: DuckDBConnection, megabytes: number): Promise<void> {
  for (const setting of [
    `SET memory_limit = '${megabytes}MB'`,
    `SET temp_directory = ''`,
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    'SET enable_external_access = false',
    `SET TimeZone = 'UTC'`,
    'SET lock_configuration = true',
  ]) {
    await connection.run(setting)
  }
}

async function load(connection: DuckDBConnection, { columns, chunks }: QueryJob): Promise<void> {
  await connection.run(`CREATE TABLE product (${columns.map(({ name, type }) => `${quoted(name)} ${type}`).join(', ')})`)
  const structure = JSON.stringify([Object.fromEntries(columns.map((column) => [column.name, column.structure]))])
  const insert = `INSERT INTO product SELECT record.* FROM
    (SELECT unnest(from_json($1::JSON, '${structure.replaceAll("'", "''")}')) AS record)`
  for (const chunk of chunks) await connection.run(insert, [chunk])
}

async function run(connection: DuckDBConnection, job: QueryJob): Promise<QueryOutcome> {
  const statements = await connection.extractStatements(job.sql)
  if (statements.count !== 1) {
    return { ok: false, kind: 'query', message: `one statement is expected, ${statements.count} were found` }
  }
  const statement = await statements.prepare(0)
  if (statement.statementType !== StatementType.SELECT) {
    return { ok: false, kind: 'query', message: 'only SELECT is accepted' }
  }
  const result = await statement.streamAndReadUntil(job.mostRows + 1)
  if (result.currentRowCount > job.mostRows) {
    return { ok: false, kind: 'limit', message: `the answer has more than ${job.mostRows} rows` }
  }
  const rows = result.getRowsJson()
  const size = Buffer.byteLength(JSON.stringify(rows))
  if (size > job.mostBytes) {
    return { ok: false, kind: 'limit', message: `the answer is larger than ${job.mostBytes} bytes` }
  }
  const types = result.columnTypes()
  const columns = result.columnNames().map((name, index) => ({ name, type: String(types[index]) }))
  return { ok: true, columns, rows }
}
