import type { Field, Shape } from '../contracts/contract.ts'
import { LABEL_COLUMN, quoted } from '../query/columns.ts'

/** A field of an Iceberg schema (Iceberg table spec, "Schemas and data types", JSON of appendix C). */
export interface IcebergField {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: IcebergType
}

export type IcebergType =
  | string
  | { readonly type: 'struct'; readonly fields: readonly IcebergField[] }
  | { readonly type: 'list'; readonly 'element-id': number; readonly element: IcebergType; readonly 'element-required': boolean }

export interface IcebergSchema {
  readonly type: 'struct'
  readonly 'schema-id': number
  readonly fields: readonly IcebergField[]
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  date: 'date',
  timestamp: 'timestamptz',
  number: 'double',
  integer: 'long',
  boolean: 'boolean',
}

export interface NumberedSchema {
  readonly schema: IcebergSchema
  readonly lastColumnId: number
}

/**
 * The Iceberg schema of a contract's fields. A column that an earlier schema of the table has, by its path and type,
 * keeps its id; every other gets one that was never used, so that old files are never read as something they are not.
 */
export function icebergSchema(fields: readonly Field[], earlier: readonly IcebergSchema[], lastColumnId: number): NumberedSchema {
  const known = new Map<string, number>()
  for (const schema of earlier) remember(known, '', schema.fields)
  let last = lastColumnId
  const number = (path: string, type: IcebergType): number => known.get(keyOf(path, type)) ?? (last += 1)
  const fieldOf = (path: string, name: string, type: (path: string) => IcebergType): IcebergField => {
    const inner = type(`${path}/${name}`)
    return { id: number(`${path}/${name}`, inner), name, required: false, type: inner }
  }
  const typeOf = (shape: Shape) => (path: string): IcebergType => {
    if (shape.type === 'array') {
      const element = shape.items === undefined ? 'string' : typeOf(shape.items)(`${path}/element`)
      return { type: 'list', 'element-id': number(`${path}/element`, element), element, 'element-required': false }
    }
    if (shape.type !== 'object') return SCALARS[shape.type] ?? 'string'
    // Any JSON object: its text.
    if (shape.fields === undefined) return 'string'
    return { type: 'struct', fields: shape.fields.map((field) => fieldOf(path, field.name, typeOf(field))) }
  }
  const columns = fields.map((field) => fieldOf('', field.name, typeOf(field)))
  columns.push(fieldOf('', LABEL_COLUMN, () => 'string'))
  const same = earlier.find((schema) => JSON.stringify(schema.fields) === JSON.stringify(columns))
  const id = same?.['schema-id'] ?? earlier.reduce((most, schema) => Math.max(most, schema['schema-id']), -1) + 1
  return { schema: { type: 'struct', 'schema-id': id, fields: columns }, lastColumnId: last }
}

function remember(known: Map<string, number>, path: string, fields: readonly IcebergField[]): void {
  for (const { id, name, type } of fields) {
    known.set(keyOf(`${path}/${name}`, type), id)
    rememberType(known, `${path}/${name}`, type)
  }
}

function rememberType(known: Map<string, number>, path: string, type: IcebergType): void {
  if (typeof type === 'string') return
  if (type.type === 'struct') return remember(known, path, type.fields)
  known.set(keyOf(`${path}/element`, type.element), type['element-id'])
  rememberType(known, `${path}/element`, type.element)
}

/** A struct or list that gained a field is the same column; a scalar of another type is not. */
function keyOf(path: string, type: IcebergType): string {
  return `${path}:${typeof type === 'string' ? type : type.type}`
}

/** What DuckDB's `COPY … (FIELD_IDS …)` wants, so that a Parquet file names its columns by Iceberg's ids. */
export function fieldIds(fields: readonly IcebergField[]): string {
  return `{${fields.map(({ id, name, type }) => `${quoted(name)}: ${idsOf(id, type)}`).join(', ')}}`
}

function idsOf(id: number, type: IcebergType): string {
  if (typeof type === 'string') return String(id)
  const inner = type.type === 'struct' ? fieldIds(type.fields).slice(1, -1) : `element: ${idsOf(type['element-id'], type.element)}`
  return `{__duckdb_field_id: ${id}, ${inner}}`
}
