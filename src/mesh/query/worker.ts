import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance, StatementType } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import { writeParquet } from '../lake/parquet.ts'
import { quoted } from './columns.ts'
import { READY } from './protocol.ts'
import type { Failed, Job, QueryDone, QueryJob, WriteDone } from './protocol.ts'

/** DuckDB's own reader of Iceberg tables, and what it reads manifests with. */
const EXTENSIONS = ['avro', 'iceberg']

/**
 * A process that does one job and ends. Of a query it loads the records that its reader may see out of the files it was
 * given; only then, with files, network and extensions out of reach and its settings locked, it runs the reader's SQL. So
 * even SQL that finds a way around the gateway's checks has nothing more to find here.
 */
export async function runQueryWorker(extensions: string): Promise<void> {
  // The gateway going away ends the job too.
  process.once('disconnect', () => process.exit(0))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  for (const setting of ['autoinstall_known_extensions', 'autoload_known_extensions', 'allow_community_extensions']) {
    await connection.run(`SET ${setting} = false`)
  }
  await connection.run(`SET TimeZone = 'UTC'`)
  for (const name of EXTENSIONS) await connection.run(`LOAD '${join(extensions, `${name}.duckdb_extension`)}'`)
  process.once('message', (job: Job) => {
    void answer(connection, job).then((outcome) => process.send?.(outcome, () => process.exit(0)))
  })
  process.send?.(READY)
}

async function answer(connection: DuckDBConnection, job: Job): Promise<QueryDone | WriteDone | Failed> {
  const folder = await mkdtemp(join(tmpdir(), 'table-'))
  try {
    if (job.kind === 'write') {
      const target = join(folder, 'records.parquet')
      await writeParquet(connection, job, target)
      return { ok: true, body: await readFile(target) }
    }
    await load(connection, job, folder)
    await confine(connection)
    return await run(connection, job)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const limit = /^(Out of Memory|INTERRUPT)/i.test(message)
    return { ok: false, kind: limit ? 'limit' : 'query', message: message.slice(0, 2000) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The table as it lies in the object store, in a folder of this process alone, for as long as loading takes. */
async function load(connection: DuckDBConnection, job: QueryJob, folder: string): Promise<void> {
  await connection.run(`SET memory_limit = '${job.megabytes}MB'`)
  await connection.run(`SET temp_directory = ''`)
  for (const { name, body } of job.files) {
    const file = join(folder, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, body)
  }
  const version = job.pointer.replace(/^metadata\//, '').replace(/\.metadata\.json$/, '')
  const columns = job.columns.map(({ name, expression }) => `${expression} AS ${quoted(name)}`).join(', ')
  await connection.run(
    `CREATE TABLE product AS SELECT ${columns}
     FROM iceberg_scan('${folder}', allow_moved_paths = true, version = '${version}', version_name_format = '%s%s.metadata.json')
     WHERE ${job.condition}`,
  )
  await rm(folder, { recursive: true, force: true })
}

async function confine(connection: DuckDBConnection): Promise<void> {
  for (const setting of ['SET enable_external_access = false', 'SET lock_configuration = true']) await connection.run(setting)
}

async function run(connection: DuckDBConnection, job: QueryJob): Promise<QueryDone | Failed> {
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
