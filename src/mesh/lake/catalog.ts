import { fault } from '../codes.ts'
import type { Database, Transaction } from '../catalog/database.ts'
import type { TableMetadata } from './table.ts'

/**
 * The tables of the lake, in schema `lake` of the mesh's database. Two of them are those of Iceberg's JDBC catalog, which
 * Trino reads; they change in the transaction that makes a publication current.
 */

/** Name of the Iceberg catalog and of its one namespace. */
export const CATALOG = 'mesh'
export const NAMESPACE = 'lake'

/** The table of a product before the next publication, locked until the transaction ends. */
export async function tableBefore(client: Transaction, product: string): Promise<TableMetadata | undefined> {
  const { rows } = await client.query<{ metadata: TableMetadata }>('SELECT metadata FROM lake.tables WHERE product = $1 FOR UPDATE', [product])
  return rows[0]?.metadata
}

/** Points the product's table to new metadata. Throws E_MESH_CONFLICT when another publication came between. */
export async function pointTable(client: Transaction, product: string, metadata: TableMetadata, location: string, before: TableMetadata | undefined): Promise<void> {
  await client.query(
    `INSERT INTO lake.tables (product, metadata) VALUES ($1, $2)
     ON CONFLICT (product) DO UPDATE SET metadata = EXCLUDED.metadata`,
    [product, metadata],
  )
  const values = [CATALOG, NAMESPACE, product, location]
  if (before === undefined) {
    await client.query(
      `INSERT INTO lake.iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type)
       VALUES ($1, $2, $3, $4, 'TABLE')`,
      values,
    )
    return
  }
  const { rowCount } = await client.query(
    `UPDATE lake.iceberg_tables SET previous_metadata_location = metadata_location, metadata_location = $4
     WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3`,
    values,
  )
  if (rowCount !== 1) throw fault('E_MESH_CONFLICT', 'the table of the product is not the one that was read')
}

/** Lets the scale-out engine's account read the two tables of the catalog, once it exists; it may nothing else here. */
export async function letTrinoRead(database: Database): Promise<void> {
  const [role] = await database.query(`SELECT FROM pg_roles WHERE rolname = 'trino'`)
  if (role === undefined) return
  await database.query('GRANT USAGE ON SCHEMA lake TO trino')
  await database.query('GRANT SELECT ON lake.iceberg_tables, lake.iceberg_namespace_properties TO trino')
}

/** What one query on the scale-out engine may read, for as long as it may run. */
export interface Grant {
  /** The engine's user of this query: random, and of no person. */
  readonly user: string
  readonly product: string
  /** Canonical JSON of each label whose records the reader may query. */
  readonly labels: readonly string[]
}

/** Kept in the database, so that whichever control plane the engine asks knows of it. */
export class Grants {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async give({ user, product, labels }: Grant, until: Date): Promise<void> {
    await this.#database.query('DELETE FROM lake.grants WHERE ends_at < now()', [])
    await this.#database.query('INSERT INTO lake.grants VALUES ($1, $2, $3, $4)', [user, product, labels, until])
  }

  async take(user: string): Promise<void> {
    await this.#database.query('DELETE FROM lake.grants WHERE engine_user = $1', [user])
  }

  async of(user: string): Promise<Grant | undefined> {
    const [row] = await this.#database.query<{ product: string; labels: readonly string[] }>(
      'SELECT product, labels FROM lake.grants WHERE engine_user = $1 AND ends_at >= now()',
      [user],
    )
    return row && { user, product: row.product, labels: row.labels }
  }
}
