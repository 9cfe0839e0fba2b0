import type { Column } from './columns.ts'

/** Messages between the gateway and the process that runs one query. */
export interface QueryJob {
  readonly columns: readonly Column[]
  /** JSON arrays of records, each at most a few thousand: what this reader may see, and nothing else. */
  readonly chunks: readonly string[]
  readonly sql: string
  readonly mostRows: number
  readonly mostBytes: number
  readonly megabytes: number
}

export type QueryOutcome =
  | {
      readonly ok: true
      readonly columns: readonly { readonly name: string; readonly type: string }[]
      readonly rows: readonly (readonly unknown[])[]
    }
  | { readonly ok: false; readonly kind: 'query' | 'limit'; readonly message: string }

/** What the process says when it is ready for a job. */
export const READY = 'ready'
