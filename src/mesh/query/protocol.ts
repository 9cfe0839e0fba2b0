import type { WriteJob } from '../lake/parquet.ts'

/** Messages between the gateway and the process that runs one job. */
export interface QueryJob {
  readonly kind: 'query'
  /** Columns of the view `product`: what the reader names, and the SQL expression over the table's own columns. */
  readonly columns: readonly { readonly name: string; readonly expression: string }[]
  /** SQL condition on the table's columns: the records that this reader may see. */
  readonly condition: string
  /** Every file of the Iceberg table, as the gateway read and proved them. */
  readonly files: readonly { readonly name: string; readonly body: Uint8Array }[]
  /** `metadata/…metadata.json` of the publication. */
  readonly pointer: string
  readonly sql: string
  readonly mostRows: number
  readonly mostBytes: number
  readonly megabytes: number
}

export type Job = QueryJob | WriteJob

export interface QueryDone {
  readonly ok: true
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
}

export interface WriteDone {
  readonly ok: true
  readonly body: Uint8Array
}

export interface Failed {
  readonly ok: false
  readonly kind: 'query' | 'limit'
  readonly message: string
}

/** What the process says when it is ready for a job. */
export const READY = 'ready'
