import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { Pool, PoolClient } from 'pg'
import { fault } from '../codes.ts'
import type { MeshConfig } from '../config.ts'
import { MeshFault } from '../fault.ts'

export type { PoolClient as Transaction } from 'pg'

/** The catalog's database. */
export interface Database {
  /** Rows of one statement. Throws E_MESH_DATABASE when the server is away or refuses. */
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]>
  /** All or nothing; what `act` throws is thrown on after the rollback. */
  transaction<T>(act: (client: PoolClient) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const STATEMENT_MS = 15_000

/** The role proves itself by its certificate (PostgreSQL `cert`), the server by its own: no password exists. */
export async function openDatabase(config: MeshConfig['database']): Promise<Database> {
  const { tls } = config
  const ssl =
    tls === undefined
      ? false
      : {
          ca: await readFile(tls.ca, 'utf8'),
          cert: await readFile(tls.certificate, 'utf8'),
          key: await readFile(tls.key, 'utf8'),
          minVersion: 'TLSv1.3' as const,
        }
  const pool = new pg.Pool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    ssl,
    max: 10,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + 2000,
    application_name: 'control-plane',
  })
  // An idle connection that breaks is replaced on the next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  return {
    async query<Row extends object>(text: string, parameters: readonly unknown[] = []) {
      try {
        return (await pool.query<Row>(text, [...parameters])).rows
      } catch (cause) {
        throw databaseFault(cause)
      }
    },
    transaction: (act) => inTransaction(pool, act),
    close: () => pool.end(),
  }
}

async function inTransaction<T>(pool: Pool, act: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw databaseFault(cause)
  })
  let broken = false
  try {
    await client.query('BEGIN')
    const result = await act(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true
    })
    throw error instanceof MeshFault ? error : databaseFault(error)
  } finally {
    client.release(broken)
  }
}

function databaseFault(cause: unknown): MeshFault {
  return fault('E_MESH_DATABASE', 'the database does not answer as it must', { found: String(cause), cause })
}
