import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { certificateFor, type Identity, type Mesh } from './mutual-tls.ts'

/** Connects as the control plane to the mesh's database, by way of the proxy of `host`, wherever the server that writes is. */
export async function sessionAt(mesh: Mesh, host: string, identity?: Identity): Promise<Client> {
  const { key, certificate } = identity ?? (await certificateFor(mesh, 'control-plane'))
  const client = new Client({
    host: mesh.hosts.find(({ name }) => name === host)?.address ?? host,
    port: 5432,
    user: 'control_plane',
    database: 'mesh',
    ssl: { key, cert: certificate, ca: mesh.roots, servername: `postgresql.${mesh.domain}`, minVersion: 'TLSv1.3' },
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
  })
  // What ends a session from the other side is told to whoever asks next.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Writes a row through the proxy of `host` and answers every row written so far, in order. Rejects when the database does not write. */
export async function writeAndRead(mesh: Mesh, host: string, text: string): Promise<string[]> {
  const client = await sessionAt(mesh, host)
  try {
    await client.query('CREATE TABLE IF NOT EXISTS journey_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)')
    await client.query('INSERT INTO journey_rows (text) VALUES ($1)', [text])
    const { rows } = await client.query<{ text: string }>('SELECT text FROM journey_rows ORDER BY id')
    return rows.map((row) => row.text)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Writes until it is written, and answers the seconds that took. Rejects after `seconds`, with the last reason. */
export async function writesWithin(mesh: Mesh, host: string, text: string, seconds: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const reason = await writeAndRead(mesh, host, text).then(
      () => undefined,
      (error: unknown) => error,
    )
    const passed = (performance.now() - started) / 1000
    if (reason === undefined) return passed
    if (passed > seconds) throw new Error(`PostgreSQL did not write through ${host} within ${seconds} s`, { cause: reason })
    await pause(500)
  }
}
