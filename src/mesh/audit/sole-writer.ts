import { setTimeout as sleep } from 'node:timers/promises'
import { MOST_CONNECTION_S } from '../catalog/database.ts'
import type { Database, Session } from '../catalog/database.ts'
import { fault } from '../codes.ts'

/** Any number that no other program takes on this database. */
const LOCK = 5_417_030
const PATIENCE_MS = 3000

/** That this process alone writes this control plane's part of the log. */
export interface SoleWriter {
  /**
   * `anew` when the lock was not held all the time since the last check: another process may have written meanwhile.
   * Throws E_MESH_AUDIT when one holds it now.
   */
  check(): Promise<'held' | 'anew'>
  close(): Promise<void>
}

/**
 * A session lock in PostgreSQL, asked for again before each batch. Its connection is no exception to the rule that none
 * grows old: it is closed and the lock taken again. The object store's own conditional write guards too, but not every
 * store honours it in a versioned bucket.
 */
export function soleWriter(database: Database, instance: string): SoleWriter {
  let held: { readonly session: Session; readonly until: number } | undefined
  const release = (): void => {
    held?.session.close()
    held = undefined
  }
  const holds = async (): Promise<boolean> => {
    if (held === undefined) return false
    if (Date.now() < held.until && (await held.session.query('SELECT 1').catch(() => undefined)) !== undefined) return true
    release()
    return false
  }
  const acquire = async (): Promise<boolean> => {
    const session = await database.session()
    const until = Date.now() + MOST_CONNECTION_S * 1000
    const [row] = await session
      .query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, hashtext($2)) AS taken', [LOCK, instance])
      .catch((error: unknown) => {
        session.close()
        throw error
      })
    if (row?.taken === true) held = { session, until }
    else session.close()
    return row?.taken === true
  }
  return {
    async check() {
      if (await holds()) return 'held'
      // A process that was just stopped frees its lock a moment later.
      for (let waited = 0; waited < PATIENCE_MS; waited += 250) {
        if (await acquire()) return 'anew'
        await sleep(250)
      }
      throw fault('E_MESH_AUDIT', 'another process writes this control plane’s part of the audit log', { found: instance })
    },
    async close() {
      release()
    },
  }
}
