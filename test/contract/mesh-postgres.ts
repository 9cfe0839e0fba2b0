import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { MeshConfig } from '../../src/mesh/config.ts'
import type { Pki } from './mesh-pki.ts'

/** A PostgreSQL of its own, from the machine's Debian package: TLS and client certificates, on loopback. */
export interface TestPostgres {
  /** A new empty database, with the role `control_plane` let in by the certificate CN=control-plane. */
  database(name: string): Promise<MeshConfig['database']>
  stop(): Promise<void>
}

const VERSIONS = '/usr/lib/postgresql'

export async function startPostgres(pki: Pki): Promise<TestPostgres> {
  const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).toSorted().at(-1) : undefined
  if (version === undefined) throw new Error('the Debian package postgresql is missing: apt-get install postgresql')
  const bin = join(VERSIONS, version, 'bin')
  // PostgreSQL refuses to run as root; its package made a user for it.
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const owner: { uid?: number; gid?: number } = userInfo().uid === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  const folder = mkdtempSync(join(tmpdir(), 'mesh-pg-'))
  const own = (path: string, mode: number): void => {
    chmodSync(path, mode)
    if (owner.uid !== undefined && owner.gid !== undefined) chownSync(path, owner.uid, owner.gid)
  }
  own(folder, 0o700)
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'admin', '-A', 'trust', '--locale=C.UTF-8', '-E', 'UTF8', '-N'], {
    ...owner,
    stdio: 'ignore',
    cwd: folder,
  })
  const server = pki.issue('localhost')
  const write = (name: string, text: string): void => {
    writeFileSync(join(data, name), text)
    own(join(data, name), 0o600)
  }
  write('server.key', server.keyPem)
  write('server.crt', server.certificatePem)
  write('ca.crt', pki.caPem)
  write('pg_hba.conf', 'local all admin trust\nhostssl all all 127.0.0.1/32 cert map=services\n')
  write('pg_ident.conf', 'services control-plane control_plane\n')
  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'ssl=on',
    'ssl_ca_file=ca.crt',
    // A cluster that lives for one test run has nothing to lose.
    'fsync=off',
    'full_page_writes=off',
    'shared_buffers=32MB',
  ].flatMap((setting) => ['-c', setting])
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings], { ...owner, stdio: 'ignore', cwd: folder })
  const admin = await connect(child, folder, port)
  await admin.query('CREATE ROLE control_plane LOGIN')
  return {
    async database(name) {
      await admin.query(`CREATE DATABASE ${name} OWNER control_plane`)
      return { host: 'localhost', port, database: name, user: 'control_plane' }
    },
    async stop() {
      await admin.end()
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function connect(child: ChildProcess, host: string, port: number): Promise<pg.Client> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`)
    const client = new pg.Client({ host, port, user: 'admin', database: 'postgres' })
    try {
      await client.connect()
      return client
    } catch {
      await client.end().catch(() => undefined)
      await sleep(100)
    }
  }
  child.kill('SIGKILL')
  throw new Error('postgres did not come up within 30 s')
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
