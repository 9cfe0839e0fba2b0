import { setTimeout as sleep } from 'node:timers/promises'
import { fault } from '../codes.ts'
import type { Database, Session } from '../catalog/database.ts'

/** Any number that no other program takes on this database. */
const LOCK = 5_417_030
const PATIENCE_MS = 3000

/** That this process alone writes the log. */
export interface SoleWriter {
  /** Throws E_MESH_AUDIT when another process writes the log. */
  check(): Promise<void>
  close(): Promise<void>
}

/**
 * A session lock in PostgreSQL, held as long as its connection lives and asked for again before each batch. The object
 * store's own conditional write guards too, but not every store honours it in a versioned bucket.
 */
export function soleWriter(database: Database): SoleWriter {
  let session: Session | undefined
  const held = async (): Promise<boolean> => {
    if (session === undefined) return false
    try {
      await session.query('SELECT 1')
      return true
    } catch {
      session.close()
      session = undefined
      return false
    }
  }
  const acquire = async (): Promise<boolean> => {
    const candidate = await database.session()
    const [row] = await candidate.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK])
    if (row?.taken === true) session = candidate
    else candidate.close()
    return row?.taken === true
  }
  return {
    async check() {
      if (await held()) return
      // A process that was just stopped frees its lock a moment later.
      for (let waited = 0; waited < PATIENCE_MS; waited += 250) {
        if (await acquire()) return
        await sleep(250)
      }
      throw fault('E_MESH_AUDIT', 'another control plane writes the audit log of this site')
    },
    async close() {
      session?.close()
      session = undefined
    },
  }
}
