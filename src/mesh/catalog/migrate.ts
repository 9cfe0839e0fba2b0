import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import type { Database, Transaction } from './database.ts'

interface Migration {
  readonly number: number
  readonly name: string
  readonly sha256: string
  readonly text: string
}

/** Any number that no other program takes on this database. */
const LOCK = 5_417_029

/**
 * Brings the schema to what this release knows: `NNNN_name.sql` files in order, all in one transaction under an advisory
 * lock, so that two starting control planes never race and a failure leaves the schema as it was. Returns the number
 * of the last migration. Throws E_MESH_SCHEMA for a schema newer than this release, a migration that was changed after
 * it ran, or one that cannot run here.
 */
export async function migrate(database: Database, folder: string): Promise<number> {
  const known = await migrationsIn(folder)
  return database.transaction(async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations (
         number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL)`,
    )
    const { rows } = await client.query<{ number: number; sha256: string }>(
      'SELECT number, sha256 FROM schema_migrations ORDER BY number',
    )
    checkHistory(known, rows)
    for (const migration of known.slice(rows.length)) await apply(client, migration)
    return known.length
  })
}

function checkHistory(known: readonly Migration[], applied: readonly { number: number; sha256: string }[]): void {
  if (applied.length > known.length) {
    throw fault('E_MESH_SCHEMA', 'the database schema is newer than this release', {
      expected: `at most ${known.length}`,
      found: String(applied.length),
    })
  }
  for (const { number, sha256 } of applied) {
    const migration = known[number - 1]
    if (migration?.sha256 !== sha256) {
      throw fault('E_MESH_SCHEMA', `migration ${number} is not the one that made this schema`, {
        expected: migration?.sha256 ?? 'none',
        found: sha256,
      })
    }
  }
}

async function apply(client: Transaction, migration: Migration): Promise<void> {
  try {
    await client.query(migration.text)
  } catch (cause) {
    throw fault('E_MESH_SCHEMA', `migration ${migration.name} cannot run on this database`, {
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    })
  }
  await client.query('INSERT INTO schema_migrations VALUES ($1, $2, $3, now())', [
    migration.number,
    migration.name,
    migration.sha256,
  ])
}

async function migrationsIn(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1])
      if (number !== index + 1) {
        throw fault('E_MESH_SCHEMA', 'the migrations of this release are not numbered without a gap', {
          expected: `${String(index + 1).padStart(4, '0')}_….sql`,
          found: name,
        })
      }
      const text = await readFile(join(folder, name), 'utf8')
      return { number, name, sha256: createHash('sha256').update(text).digest('hex'), text }
    }),
  )
}
