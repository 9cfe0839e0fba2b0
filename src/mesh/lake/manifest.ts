import avro from 'avsc'

/** A data file as the table's manifest names it. */
export interface DataFile {
  /** `s3://bucket/…` */
  readonly path: string
  readonly bytes: number
  readonly records: number
}

const id = (name: string, fieldId: number, type: unknown): object => ({ name, type, 'field-id': fieldId })
const optional = (name: string, fieldId: number, type: unknown): object => ({ ...id(name, fieldId, ['null', type]), default: null })

/** Iceberg table spec, "Manifests", version 2; optional statistics are left out. */
const ENTRY = {
  type: 'record',
  name: 'manifest_entry',
  fields: [
    id('status', 0, 'int'),
    optional('snapshot_id', 1, 'long'),
    optional('sequence_number', 3, 'long'),
    optional('file_sequence_number', 4, 'long'),
    id('data_file', 2, {
      type: 'record',
      name: 'r2',
      fields: [
        id('content', 134, 'int'),
        id('file_path', 100, 'string'),
        id('file_format', 101, 'string'),
        id('partition', 102, { type: 'record', name: 'r102', fields: [] }),
        id('record_count', 103, 'long'),
        id('file_size_in_bytes', 104, 'long'),
      ],
    }),
  ],
}

/** Iceberg table spec, "Manifest lists", version 2. */
const LIST = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    id('manifest_path', 500, 'string'),
    id('manifest_length', 501, 'long'),
    id('partition_spec_id', 502, 'int'),
    id('content', 517, 'int'),
    id('sequence_number', 515, 'long'),
    id('min_sequence_number', 516, 'long'),
    id('added_snapshot_id', 503, 'long'),
    id('added_files_count', 504, 'int'),
    id('existing_files_count', 505, 'int'),
    id('deleted_files_count', 506, 'int'),
    id('added_rows_count', 512, 'long'),
    id('existing_rows_count', 513, 'long'),
    id('deleted_rows_count', 514, 'long'),
  ],
}

const ADDED = 1
const DATA = 0

/** Avro file of one manifest that adds the files of a snapshot. */
export async function manifestFile(schema: object, snapshot: number, sequence: number, files: readonly DataFile[]): Promise<Buffer> {
  const entries = files.map((file) => ({
    status: ADDED,
    snapshot_id: snapshot,
    sequence_number: sequence,
    file_sequence_number: sequence,
    data_file: {
      content: DATA,
      file_path: file.path,
      file_format: 'PARQUET',
      partition: {},
      record_count: file.records,
      file_size_in_bytes: file.bytes,
    },
  }))
  return container(ENTRY, entries, {
    schema: JSON.stringify(schema),
    'partition-spec': '[]',
    'partition-spec-id': '0',
    'format-version': '2',
    content: 'data',
  })
}

/** Avro file that lists the one manifest of a snapshot. */
export async function manifestList(snapshot: number, sequence: number, manifest: { path: string; bytes: number; files: readonly DataFile[] }): Promise<Buffer> {
  const entry = {
    manifest_path: manifest.path,
    manifest_length: manifest.bytes,
    partition_spec_id: 0,
    content: DATA,
    sequence_number: sequence,
    min_sequence_number: sequence,
    added_snapshot_id: snapshot,
    added_files_count: manifest.files.length,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: manifest.files.reduce((sum, file) => sum + file.records, 0),
    existing_rows_count: 0,
    deleted_rows_count: 0,
  }
  return container(LIST, [entry], { 'snapshot-id': String(snapshot), 'sequence-number': String(sequence), 'format-version': '2' })
}

async function container(schema: object, values: readonly object[], metadata: Readonly<Record<string, string>>): Promise<Buffer> {
  const encoder = new avro.streams.BlockEncoder(schema as avro.Schema, {
    codec: 'null',
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value)])),
  } as object)
  const chunks: Buffer[] = []
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise<void>((resolve, reject) => {
    encoder.on('end', resolve)
    encoder.on('error', reject)
    for (const value of values) encoder.write(value)
    encoder.end()
  })
  return Buffer.concat(chunks)
}
