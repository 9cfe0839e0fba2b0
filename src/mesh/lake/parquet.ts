import type { DuckDBConnection } from '@duckdb/node-api'
import type { Field } from '../contracts/contract.ts'
import { columnsOf, LABEL_COLUMN, quoted } from '../query/columns.ts'
import type { Column } from '../query/columns.ts'
import { fieldIds } from './schema.ts'
import type { IcebergSchema } from './schema.ts'

/** What a process that writes one Parquet file is told. */
export interface WriteJob {
  readonly kind: 'write'
  readonly columns: readonly Column[]
  /** JSON arrays of records, each with `_label`. */
  readonly chunks: readonly string[]
  /** DuckDB's FIELD_IDS of the table's schema. */
  readonly fieldIds: string
  readonly megabytes: number
}

/** The columns of a table's files: those of the contract, and the label. */
export function tableColumns(fields: readonly Field[]): readonly Column[] {
  // Iceberg has no type for any JSON: it is kept as its text.
  const plain = columnsOf(fields).map((column) => ({ ...column, type: column.type.replaceAll(/\bJSON\b/g, 'VARCHAR') }))
  return [...plain, { name: LABEL_COLUMN, type: 'VARCHAR', structure: 'VARCHAR' }]
}

export function writeJob(fields: readonly Field[], schema: IcebergSchema, chunks: readonly string[], megabytes: number): WriteJob {
  return { kind: 'write', columns: tableColumns(fields), chunks, fieldIds: fieldIds(schema.fields), megabytes }
}

/** Writes one Parquet file (zstd) whose columns carry Iceberg's field ids. */
export async function writeParquet(connection: DuckDBConnection, job: WriteJob, target: string): Promise<void> {
  await connection.run(`SET memory_limit = '${job.megabytes}MB'`)
  await connection.run(`CREATE TABLE records (${job.columns.map(({ name, type }) => `${quoted(name)} ${type}`).join(', ')})`)
  const structure = JSON.stringify([Object.fromEntries(job.columns.map((column) => [column.name, column.structure]))])
  const insert = `INSERT INTO records SELECT record.* FROM
    (SELECT unnest(from_json($1::JSON, '${structure.replaceAll("'", "''")}')) AS record)`
  for (const chunk of job.chunks) await connection.run(insert, [chunk])
  await connection.run(`COPY records TO '${target.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${job.fieldIds})`)
}
