import type { DecisionPoint } from './access/decide.ts'
import type { AuditLog } from './audit/log.ts'
import type { Database } from './catalog/database.ts'
import type { Product } from './catalog/product.ts'
import type { Catalog } from './catalog/products.ts'
import type { Limits } from './config.ts'
import type { Governance } from './contracts/governance.ts'
import type { Reader } from './identity/reader.ts'
import type { Ceiling } from './labels/algebra.ts'
import type { LabelPolicy } from './labels/policy.ts'
import type { Trino } from './lake/trino.ts'
import type { QueryEngine } from './query/engine.ts'
import type { SchemaRegistry } from './schemas/registry.ts'
import type { ObjectStore } from './storage/object-store.ts'

/** What the parts of the control plane share; made once at start. */
export interface Services {
  /** DNS domain of the site's services. */
  readonly domain: string
  readonly policy: LabelPolicy
  readonly ceiling: Ceiling
  readonly governance: Governance
  readonly decisions: DecisionPoint
  readonly database: Database
  readonly catalog: Catalog
  readonly store: ObjectStore
  /** Undefined on a site without one. */
  readonly schemas: SchemaRegistry | undefined
  readonly audit: AuditLog
  readonly engine: QueryEngine
  /** The scale-out engine; undefined on a site without one. */
  readonly trino: Trino | undefined
  readonly limits: Limits
  readonly extensions: readonly Extension[]
  /** One line for the journal. Never holds what a person typed or read. */
  readonly log: (line: Readonly<Record<string, unknown>>) => void
  readonly now: () => Date
}

/** What a release adds to the control plane besides its migrations. */
export interface Extension {
  readonly name: string
  /** After a query was answered with `records` rows, before the answer leaves; what it throws refuses the answer. */
  queried?(product: Product, reader: Reader, records: number, at: Date): Promise<void>
  /** What a reader who may know of the product sees of it besides the entry itself; undefined for nothing. */
  describe?(product: Product, reader: Reader): Promise<unknown>
}

export type ExtensionFactory = (database: Database) => Extension
