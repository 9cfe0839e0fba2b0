import type { Field, Shape } from '../contracts/contract.ts'

/** Column of the view `product`, with its DuckDB type and the same type in the form `from_json` wants. */
export interface Column {
  readonly name: string
  readonly type: string
  readonly structure: unknown
}

/** The mesh's own column: the portion mark of the record, as text. */
export const MARKING = '_marking'

export function columnsOf(fields: readonly Field[]): readonly Column[] {
  return fields.map((field) => ({ name: field.name, type: duckType(field), structure: structure(field) }))
}

/** The view `product` over the table's own columns: what is any JSON there is its text (Trino leaves it so), and the label becomes a portion mark. */
export function viewOf(
  fields: readonly Field[],
  markings: ReadonlyMap<string, string>,
  engine: 'duckdb' | 'trino' = 'duckdb',
): readonly { readonly name: string; readonly expression: string }[] {
  const own = columnsOf(fields).map(({ name, type }) => ({
    name,
    expression: engine === 'duckdb' && /\bJSON\b/.test(type) ? `CAST(${quoted(name)} AS ${type})` : quoted(name),
  }))
  const cases = [...markings].map(([label, mark]) => `WHEN ${literal(label)} THEN ${literal(mark)}`)
  const marking = cases.length === 0 ? "''" : `CASE ${quoted(LABEL_COLUMN)} ${cases.join(' ')} END`
  return [...own, { name: MARKING, expression: marking }]
}

/** The mesh's own column of a table: the record's whole label in its canonical JSON, by which every engine filters. */
export const LABEL_COLUMN = '_label'

/** SQL text literal. */
export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

const SCALARS = {
  string: 'VARCHAR',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  number: 'DOUBLE',
  integer: 'BIGINT',
  boolean: 'BOOLEAN',
} as const

function duckType(shape: Shape): string {
  if (shape.type === 'array') return `${shape.items === undefined ? 'JSON' : duckType(shape.items)}[]`
  if (shape.type !== 'object') return SCALARS[shape.type]
  if (shape.fields === undefined) return 'JSON'
  return `STRUCT(${shape.fields.map((field) => `${quoted(field.name)} ${duckType(field)}`).join(', ')})`
}

function structure(shape: Shape): unknown {
  if (shape.type === 'array') return [shape.items === undefined ? 'JSON' : structure(shape.items)]
  if (shape.type !== 'object') return SCALARS[shape.type]
  if (shape.fields === undefined) return 'JSON'
  return Object.fromEntries(shape.fields.map((field) => [field.name, structure(field)]))
}

/** Names come from contracts whose form allows letters, digits and underscores only; quoted all the same. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
