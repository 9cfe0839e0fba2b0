import type { ExtensionFactory } from '../../../../../../../src/mesh/services.ts'

/** What the owning domain sees of its product's adoption. */
interface Usage {
  readonly organisation: string
  readonly queries: number
  readonly records: number
  /** ISO 8601 UTC. */
  readonly last: string
}

/** Days that count as present use. */
const WINDOW_DAYS = 90

/**
 * Counts answered queries by product, organisation and day: no person, no text, nothing that the audit log is for. The
 * domain that owns a product finds the last 90 days in its catalog entry; nobody else does.
 */
export const usageLedger: ExtensionFactory = (database) => ({
  name: 'usage',
  async queried(product, reader, records, at) {
    await database.query(
      `INSERT INTO usage_ledger (product, organisation, day, queries, records, last_at)
       VALUES ($1, $2, ($3::timestamptz AT TIME ZONE 'UTC')::date, 1, $4, $3)
       ON CONFLICT (product, organisation, day) DO UPDATE
       SET queries = usage_ledger.queries + 1,
           records = usage_ledger.records + excluded.records,
           last_at = greatest(usage_ledger.last_at, excluded.last_at)`,
      [product.id, reader.organisation, at, records],
    )
  },
  async describe(product, reader): Promise<readonly Usage[] | undefined> {
    if (reader.domain !== product.domain) return undefined
    const rows = await database.query<{ organisation: string; queries: string; records: string; last_at: Date }>(
      `SELECT organisation, sum(queries) AS queries, sum(records) AS records, max(last_at) AS last_at
       FROM usage_ledger WHERE product = $1 AND day > current_date - ${WINDOW_DAYS}
       GROUP BY organisation ORDER BY sum(queries) DESC, organisation`,
      [product.id],
    )
    return rows.map((row) => ({
      organisation: row.organisation,
      queries: Number(row.queries),
      records: Number(row.records),
      last: row.last_at.toISOString(),
    }))
  },
})
