import type { SqlCondition } from '../access/residual-sql.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { Database } from './database.ts'
import { productOf } from './product.ts'
import type { ContractVersion, Product, ProductMeasure, Row } from './product.ts'
import { compareVersions } from './version.ts'

/** No answer lists more; the count says how many there are. */
const MOST_ENTRIES = 200

export class Catalog {
  readonly #database: Database
  readonly #policy: LabelPolicy

  constructor(database: Database, policy: LabelPolicy) {
    this.#database = database
    this.#policy = policy
  }

  /** What the reader may know of: filtered by the access policy in the query itself, the count included. */
  async search(
    text: string,
    visible: (firstParameter: number) => SqlCondition,
  ): Promise<{ readonly count: number; readonly products: readonly Product[] }> {
    const words = text.split(/\s+/).filter((word) => word !== '').slice(0, 8)
    const patterns = words.map((word) => `%${word.replaceAll(/[\\%_]/g, '\\$&')}%`)
    const condition = visible(4)
    const rows = await this.#database.query<Row & { total: string }>(
      `SELECT *, count(*) OVER () AS total FROM catalog_entries
       WHERE policy = $1 AND policy_version = $2 AND ${condition.text}
         AND (domain || ' ' || name || ' ' || title || ' ' || purpose) ILIKE ALL ($3::text[])
       ORDER BY domain, name LIMIT ${MOST_ENTRIES}`,
      [this.#policy.urn, this.#policy.version, patterns, ...condition.parameters],
    )
    return { count: Number(rows[0]?.total ?? 0), products: rows.map(productOf) }
  }

  /** One entry, or nothing: what does not exist and what the reader may not know of take the same way. */
  async entry(domain: string, name: string, visible: (firstParameter: number) => SqlCondition): Promise<Product | undefined> {
    const condition = visible(5)
    const [row] = await this.#database.query<Row>(
      `SELECT * FROM catalog_entries
       WHERE policy = $1 AND policy_version = $2 AND domain = $3 AND name = $4 AND ${condition.text}`,
      [this.#policy.urn, this.#policy.version, domain, name, ...condition.parameters],
    )
    return row === undefined ? undefined : productOf(row)
  }

  /** Unfiltered, for the audit log's sake only: its answer must never reach a reader. */
  async existing(domain: string, name: string): Promise<Product | undefined> {
    const [row] = await this.#database.query<Row>('SELECT * FROM catalog_entries WHERE domain = $1 AND name = $2', [
      domain,
      name,
    ])
    return row === undefined ? undefined : productOf(row)
  }

  /** Every published version of a product's contract, newest first. */
  async versions(product: Product): Promise<readonly ContractVersion[]> {
    const rows = await this.#database.query<{ version: string; created_at: Date }>(
      'SELECT version, created_at FROM contracts WHERE product = $1',
      [product.id],
    )
    return rows
      .toSorted((a, b) => compareVersions(b.version, a.version))
      .map(({ version, created_at: since }) => ({
        version,
        state: version === product.version ? 'current' : 'deprecated',
        since,
      }))
  }

  /** Of every product, whoever may know of it: for metrics, which carry no names. */
  async measures(): Promise<readonly ProductMeasure[]> {
    const rows = await this.#database.query<Row>('SELECT * FROM catalog_entries')
    return rows.map((row) => ({
      id: row.id,
      object: row.object,
      bytes: Number(row.bytes),
      publishedAt: row.published_at,
      freshnessHours: row.freshness_hours,
      availabilityPercent: row.availability_percent,
      completenessPercent: row.completeness_percent,
      completeness: row.completeness,
    }))
  }
}
