/**
 * The HTTP API of the control plane, TLS 1.3 with a client certificate, `authorization: Bearer <token>`; bodies are JSON.
 * The proxy before it ends TLS.
 *
 *   POST /v1/products                 PublishRequest → 201 PublishAnswer
 *   GET  /v1/catalog?q=TEXT           → CatalogAnswer: only what the reader may know of, count included
 *   GET  /v1/catalog/{domain}/{name}  → CatalogEntry, or E_MESH_NOT_FOUND
 *   POST /v1/query                    QueryRequest → QueryAnswer, E_MESH_NOT_FOUND or E_MESH_DENIED
 *   GET  /v1/health                   for other hosts, without a token: HealthAnswer without its checks (200 or 503)
 *
 * Errors: status of the code and ErrorAnswer. On the health port, plain HTTP: GET /v1/health → HealthAnswer (200 or 503),
 * GET /metrics in Prometheus' text format.
 */
import type { Label } from './labels/label.ts'

export interface PublishRequest {
  /** The contract as its author wrote it (ODCS v3, YAML or JSON): line numbers of faults refer to this text. */
  readonly contract: string
  /** One JSON object a record. */
  readonly records: readonly Readonly<Record<string, unknown>>[]
}

export interface PublishAnswer {
  readonly product: string
  /** Opaque id: bucket, metrics and audit events use it. */
  readonly id: string
  readonly version: string
  readonly records: number
  /** Join of the labels of all records. */
  readonly label: Label
  readonly marking: string
}

export interface CatalogEntry {
  readonly id: string
  readonly domain: string
  readonly name: string
  readonly version: string
  /** Every published version of the contract, newest first; only in the answer for one entry. */
  readonly versions?: readonly { readonly version: string; readonly state: 'current' | 'deprecated'; readonly since: string }[]
  readonly title: string
  readonly purpose: string
  /** Label of this entry, and its banner. */
  readonly label: Label
  readonly marking: string
  readonly dataMarking: string
  readonly sla: {
    readonly freshnessHours: number
    readonly availabilityPercent: number
    readonly completenessPercent: number
  }
  /** When the data was last published, ISO 8601 UTC, and whether the promise of freshness holds now. */
  readonly refreshedAt: string
  readonly fresh: boolean
  readonly referenceSchema: string
  readonly fields: readonly { readonly name: string; readonly type: string; readonly description: string }[]
  readonly classification: {
    readonly classifiedBy: string
    readonly derivedFrom: string
    readonly declassifyOn: string
  }
  /** What extensions of a release add, by their name. */
  readonly extensions?: Readonly<Record<string, unknown>>
}

export interface CatalogAnswer {
  readonly count: number
  readonly entries: readonly CatalogEntry[]
  /** Join of the entries' labels. */
  readonly marking: string
}

export interface QueryRequest {
  /** `domain/name` */
  readonly product: string
  /** One SELECT over the view `product`, in the dialect of the engine. */
  readonly sql: string
  /** `trino` is the scale-out engine of a site that has one; absent means `duckdb`. */
  readonly engine?: 'duckdb' | 'trino'
}

export interface QueryAnswer {
  readonly product: string
  readonly version: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
  /** Join of the labels of every record the query could draw from: what the answer must be marked with. */
  readonly label: Label
  readonly marking: string
  readonly refreshedAt: string
  readonly fresh: boolean
  /** The OCSF event in the audit log that records this access. */
  readonly event: string
}

export interface ErrorAnswer {
  readonly code: string
  readonly message: string
  readonly expected?: string
  readonly found?: string
  readonly faults?: readonly string[]
  readonly next?: string
}

export interface HealthAnswer {
  readonly status: 'ok' | 'starting' | 'failed'
  readonly release: string
  /** Number of the last migration applied, null before. */
  readonly schema: number | null
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
}
