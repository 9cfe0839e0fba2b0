import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { MirrorSpec } from '../../src/connected/definition/definition.ts'
import { authority, serveStatic, type Gate } from './source-server.ts'
import { asked, clientSettings, fillUpstream } from './source-upstreams.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
/** Milliseconds between two looks at the argument lists of this machine: shorter than any client's life. */
const LOOK_MS = 20
/** Exit status of a build whose upstream did not give what was asked for. */
export const UPSTREAM = 4

export interface Ended {
  readonly exit: number | null
  readonly said: string
  /** Of `said` what went to standard output: the result, with --json. */
  readonly printed: string
}

type OnSaid = (said: string, child: ChildProcess) => void

/** An organisation's own server, its people's login, and builds that take from it. Made by `privateUpstream`. */
export type Private = Awaited<ReturnType<typeof privateUpstream>>

/** Starts a server that lets nobody in without a login, under a root that no machine knows. */
export async function privateUpstream(kinds: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'source-private-'))
  const served = join(root, 'served')
  const username = 'builder'
  const password = `secret-${crypto.randomUUID()}`
  const basic = Buffer.from(`${username}:${password}`).toString('base64')
  const pki = authority(join(root, 'pki'))
  await fillUpstream(root, served, kinds)
  /** Paths that were asked for with the right login, in their order. */
  const answered: string[] = []
  /** What the server does with a request before it looks for a file. */
  let trouble: Gate = () => false
  const server = await serveStatic(served, pki, (request, response) => {
    if (request.headers.authorization !== `Basic ${basic}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="organisation"' }).end()
      return true
    }
    answered.push(request.url ?? '')
    return trouble(request, response)
  })
  return {
    ...{ root, served, answered, pki, host: server.host, secrets: [password, basic] },
    asks: (pattern: RegExp): number => answered.filter((path) => pattern.test(path)).length,
    login: (wrong = ''): NodeJS.ProcessEnv => clientSettings(mkdtempSync(join(root, 'home-')), { host: server.host, username, password: `${password}${wrong}`, ca: pki.ca }),
    /** Does something to each request while `work` runs; what was asked before is forgotten. */
    async troubled<T>(gate: Gate, work: () => Promise<T>): Promise<T> {
      trouble = gate
      answered.length = 0
      try {
        return await work()
      } finally {
        trouble = () => false
      }
    },
    /** A definition of these ecosystems, in a folder of that name. */
    define(name: string, ecosystems: readonly string[], change: (mirror: MirrorSpec) => MirrorSpec = (mirror) => mirror): string {
      const folder = join(root, name)
      const mirrors = asked(server.host).filter(({ ecosystem }) => ecosystems.includes(ecosystem)).map(change)
      const head = { apiVersion: 'sallyport/v1', kind: 'content', name: 'private', version: '1.0.0', sequence: 1, marking: { level: 'UNCLASSIFIED' } }
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'bundle.yaml'), stringify({ ...head, targets: [{ os: 'debian', release: '13', architecture: 'amd64' }], mirrors }))
      return folder
    },
    async close(): Promise<void> {
      await server.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** `sallyport build` of a definition into a folder and a store below it, as a person runs it, on a machine with these settings. */
export async function build(folder: string, env: NodeJS.ProcessEnv, onSaid?: OnSaid): Promise<Ended> {
  return run(['build', folder, '-o', join(folder, `out-${readdirSync(folder).length}`), '--store', join(folder, 'store')], env, onSaid)
}

export async function run(words: readonly string[], env: NodeJS.ProcessEnv, onSaid: OnSaid = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [said, printed] = ['', '']
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (stream === child.stdout) printed += chunk.toString()
      onSaid(said, child)
    })
  const [exit] = (await once(child, 'close')) as [number | null]
  return { exit, said, printed }
}

/** Every argument list that any process of this machine has while `work` runs. */
export async function commandsDuring<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly commands: ReadonlySet<string> }> {
  const commands = new Set<string>()
  const watch = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one)))
      try {
        commands.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // It ended meanwhile.
      }
  }, LOOK_MS)
  try {
    return { result: await work(), commands }
  } finally {
    clearInterval(watch)
  }
}
