import { createHash, randomUUID } from 'node:crypto'
import type { Transaction } from '../catalog/database.ts'
import type { Contract } from '../contracts/contract.ts'
import type { CheckedRecords, LabelledRecord } from '../contracts/records.ts'
import { fault } from '../codes.ts'
import { LABEL_COLUMN } from '../query/columns.ts'
import type { QueryEngine } from '../query/engine.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { pointTable, tableBefore } from './catalog.ts'
import { writeJob } from './parquet.ts'
import { nextSchema, nextTable } from './table.ts'

/** Bucket of all tables. Below it everything of a product is named by its opaque id alone. */
export const LAKE_BUCKET = 'lake'

/** Text of one JSON array handed to DuckDB at a time. */
const CHUNK_CHARACTERS = 1024 * 1024

/** A file of a table as the catalog remembers it: nothing is read whose bytes are others. */
export interface TableRef {
  /** Below the table's location: `metadata/…` or `data/…`. */
  readonly name: string
  /** Hex. */
  readonly sha256: string
  readonly bytes: number
}

/** What the catalog keeps of a publication. */
export interface StoredTable {
  /** Key of the data file in the bucket. */
  readonly object: string
  /** Of the data file; hex. */
  readonly sha256: string
  readonly bytes: number
  /** Name of the metadata file that the publication is. */
  readonly pointer: string
  /** Every file that a reader of this publication needs. */
  readonly files: readonly TableRef[]
  /** Canonical JSON of each label that a record has. */
  readonly labels: readonly string[]
}

export interface LakeServices {
  readonly store: ObjectStore
  readonly engine: QueryEngine
  readonly limits: { readonly queryMegabytes: number }
}

/** Key in the bucket of a file of a product's table. */
export function lakeKey(product: string, name: string): string {
  return `${product}/${name}`
}

/**
 * Writes the records as the next snapshot of the product's Iceberg table, inside the transaction that makes the
 * publication current. `written` gets the key of every object as it is written, so that a failure can take them back.
 */
export async function storeTable(
  { store, engine, limits }: LakeServices,
  client: Transaction,
  product: string,
  contract: Contract,
  checked: CheckedRecords,
  at: Date,
  written: string[],
): Promise<StoredTable> {
  const before = await tableBefore(client, product)
  const { schema } = nextSchema(contract.fields, before)
  const body = await engine.write(writeJob(contract.fields, schema, chunksOf(checked.records), limits.queryMegabytes))
  const name = `data/${contract.version}-${randomUUID()}.parquet`
  const location = `s3://${LAKE_BUCKET}/${product}`
  const data = { path: `${location}/${name}`, bytes: body.length, records: checked.records.length }
  const table = await nextTable(location, before, { fields: contract.fields, data, at })
  await store.ensureBucket(LAKE_BUCKET, 'plain')
  const files = [{ name, body }, ...table.files]
  for (const file of files) {
    const key = lakeKey(product, file.name)
    written.push(key)
    await store.put(LAKE_BUCKET, key, file.body)
  }
  await pointTable(client, product, table.metadata, `${location}/${table.pointer}`, before)
  const refs = files.map((file) => ({ name: file.name, sha256: digestOf(file.body), bytes: file.body.length }))
  return {
    object: lakeKey(product, name),
    sha256: digestOf(body),
    bytes: body.length,
    pointer: table.pointer,
    files: refs,
    labels: [...new Set(checked.records.map(({ label }) => JSON.stringify(label)))],
  }
}

/** The files of a publication, each held against the catalog's digest. Throws E_MESH_STORE when one is not what it was. */
export async function readTable(store: ObjectStore, product: string, files: readonly TableRef[]): Promise<readonly { readonly name: string; readonly body: Buffer }[]> {
  return Promise.all(
    files.map(async ({ name, sha256, bytes }) => {
      const body = await store.get(LAKE_BUCKET, lakeKey(product, name), bytes)
      const digest = digestOf(body)
      if (digest === sha256) return { name, body }
      throw fault('E_MESH_STORE', 'the records of a product are not what was published', { expected: `sha256 ${sha256}`, found: `sha256 ${digest}` })
    }),
  )
}

function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

function chunksOf(records: readonly LabelledRecord[]): readonly string[] {
  const chunks: string[] = []
  let lines: string[] = []
  let size = 0
  for (const { label, record } of records) {
    const line = JSON.stringify({ ...record, [LABEL_COLUMN]: JSON.stringify(label) })
    lines.push(line)
    size += line.length
    if (size < CHUNK_CHARACTERS) continue
    chunks.push(`[${lines.join(',')}]`)
    lines = []
    size = 0
  }
  if (lines.length > 0) chunks.push(`[${lines.join(',')}]`)
  return chunks
}
