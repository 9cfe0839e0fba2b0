import { randomInt, randomUUID } from 'node:crypto'
import type { Field } from '../contracts/contract.ts'
import { manifestFile, manifestList } from './manifest.ts'
import type { DataFile } from './manifest.ts'
import { icebergSchema } from './schema.ts'
import type { IcebergSchema } from './schema.ts'

/** Metadata of an Iceberg table, format version 2 (Iceberg table spec, "Table metadata", appendix C). */
export interface TableMetadata {
  readonly 'format-version': 2
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': number
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly schemas: readonly IcebergSchema[]
  readonly 'current-schema-id': number
  readonly snapshots: readonly Snapshot[]
  readonly 'current-snapshot-id': number
  readonly 'snapshot-log': readonly { readonly 'snapshot-id': number; readonly 'timestamp-ms': number }[]
  readonly [other: string]: unknown
}

interface Snapshot {
  readonly 'snapshot-id': number
  readonly 'sequence-number': number
  readonly 'timestamp-ms': number
  readonly 'manifest-list': string
  readonly summary: Readonly<Record<string, string>>
  readonly 'schema-id': number
}

/** A file of the table below its location, to be written before the table points to it. */
export interface TableFile {
  /** `metadata/…` or `data/…` */
  readonly name: string
  readonly body: Buffer
}

export interface NextTable {
  readonly metadata: TableMetadata
  /** Name of the metadata file among `files`. */
  readonly pointer: string
  readonly files: readonly TableFile[]
}

/** Publications that stay readable as they were; older ones leave the table, not the store. */
const MOST_SNAPSHOTS = 20

export interface Publication {
  readonly fields: readonly Field[]
  readonly data: DataFile
  readonly at: Date
}

/** The schema that the next publication has, given the table as it is. */
export function nextSchema(fields: readonly Field[], before: TableMetadata | undefined): { schema: IcebergSchema; lastColumnId: number } {
  return icebergSchema(fields, before?.schemas ?? [], before?.['last-column-id'] ?? 0)
}

/**
 * The table after a publication, which replaces all records: new metadata, manifest list and manifest. Nothing is
 * changed in place, so a reader of the table as it was goes on reading it.
 */
export async function nextTable(location: string, before: TableMetadata | undefined, publication: Publication): Promise<NextTable> {
  const { data, at } = publication
  const { schema, lastColumnId } = nextSchema(publication.fields, before)
  const sequence = (before?.['last-sequence-number'] ?? 0) + 1
  const snapshot = randomInt(1, 2 ** 47)
  const name = (what: string): string => `metadata/${what}`
  const manifestName = name(`${randomUUID()}-m0.avro`)
  const manifest = await manifestFile(schema, snapshot, sequence, [data])
  const listName = name(`snap-${snapshot}-1-${randomUUID()}.avro`)
  const list = await manifestList(snapshot, sequence, { path: `${location}/${manifestName}`, bytes: manifest.length, files: [data] })
  const entry: Snapshot = {
    'snapshot-id': snapshot,
    'sequence-number': sequence,
    'timestamp-ms': at.getTime(),
    'manifest-list': `${location}/${listName}`,
    summary: {
      operation: before === undefined ? 'append' : 'overwrite',
      'added-data-files': '1',
      'added-records': String(data.records),
      'total-data-files': '1',
      'total-records': String(data.records),
    },
    'schema-id': schema['schema-id'],
  }
  const snapshots = [...(before?.snapshots ?? []), entry].slice(-MOST_SNAPSHOTS)
  const known = before?.schemas ?? []
  const metadata: TableMetadata = {
    'format-version': 2,
    'table-uuid': before?.['table-uuid'] ?? randomUUID(),
    location,
    'last-sequence-number': sequence,
    'last-updated-ms': at.getTime(),
    'last-column-id': lastColumnId,
    schemas: known.some((one) => one['schema-id'] === schema['schema-id']) ? known : [...known, schema],
    'current-schema-id': schema['schema-id'],
    'partition-specs': [{ 'spec-id': 0, fields: [] }],
    'default-spec-id': 0,
    'last-partition-id': 999,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    properties: { 'write.parquet.compression-codec': 'zstd' },
    'current-snapshot-id': snapshot,
    refs: { main: { 'snapshot-id': snapshot, type: 'branch' } },
    snapshots,
    'snapshot-log': snapshots.map((one) => ({ 'snapshot-id': one['snapshot-id'], 'timestamp-ms': one['timestamp-ms'] })),
    'metadata-log': [],
  }
  const pointer = name(`${String(sequence).padStart(5, '0')}-${randomUUID()}.metadata.json`)
  return {
    metadata,
    pointer,
    files: [
      { name: manifestName, body: manifest },
      { name: listName, body: list },
      { name: pointer, body: Buffer.from(JSON.stringify(metadata)) },
    ],
  }
}
