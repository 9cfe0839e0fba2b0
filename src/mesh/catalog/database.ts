import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { Pool, PoolClient } from 'pg'
import { fault } from '../codes.ts'
import type { MeshConfig } from '../config.ts'
import { MeshFault } from '../fault.ts'
import type { TlsMaterial } from '../tls/material.ts'

export type { PoolClient as Transaction } from 'pg'

/** The catalog's database. */
export interface Database {
  /** Rows of one statement. Throws E_MESH_DATABASE when the server is away or refuses. */
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]>
  /** All or nothing; what `act` throws is thrown on after the rollback. */
  transaction<T>(act: (client: PoolClient) => Promise<T>): Promise<T>
  /** A connection of one's own, for what belongs to a session. */
  session(): Promise<Session>
  close(): Promise<void>
}

export interface Session {
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]>
  /** Ends the connection, and with it everything it held. */
  close(): void
}

const STATEMENT_MS = 15_000
/** A connection proves who opened it only when it begins: none outlives a revocation by a minute. */
export const MOST_CONNECTION_S = 40

/** The role proves itself by its certificate (PostgreSQL `cert`), the server by its own: no password exists. */
export function openDatabase(config: MeshConfig['database'], material: () => TlsMaterial): Database {
  const pool = new pg.Pool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    ssl: config.host.startsWith('/') ? false : asOfNow(material),
    max: 10,
    maxLifetimeSeconds: MOST_CONNECTION_S,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + 2000,
    application_name: 'control-plane',
  })
  // An idle connection that breaks is replaced on the next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  const rowsOf = async <Row extends object>(
    on: Pool | PoolClient,
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<readonly Row[]> => {
    try {
      return (await on.query<Row>(text, [...parameters])).rows
    } catch (cause) {
      throw databaseFault(cause)
    }
  }
  return {
    query: (text, parameters) => rowsOf(pool, text, parameters),
    transaction: (act) => inTransaction(pool, act),
    async session() {
      const client = await connect(pool)
      client.on('error', () => undefined)
      return {
        query: (text, parameters) => rowsOf(client, text, parameters),
        close: () => client.release(true),
      }
    },
    close: () => pool.end(),
  }
}

/** The pool keeps this one object and reads it for each connection that it opens. */
function asOfNow(material: () => TlsMaterial): ConnectionOptions {
  return {
    minVersion: 'TLSv1.3',
    get ca() {
      return material().ca
    },
    get cert() {
      return material().cert
    },
    get key() {
      return material().key
    },
    get crl() {
      return material().crl
    },
  }
}

function connect(pool: Pool): Promise<PoolClient> {
  return pool.connect().catch((cause: unknown) => {
    throw databaseFault(cause)
  })
}

async function inTransaction<T>(pool: Pool, act: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await connect(pool)
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
