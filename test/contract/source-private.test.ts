import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import type { Synced } from '../../src/connected/build/sync.ts'
import type { MirrorSpec } from '../../src/connected/definition/definition.ts'
import { authority, serveStatic, type Authority, type Gate, type StaticServer } from './source-server.ts'
import { asked, clientSettings, fillUpstream } from './source-upstreams.ts'

const root = mkdtempSync(join(tmpdir(), 'source-private-'))
const served = join(root, 'served')
/** Exit status. */
const UPSTREAM = 4
const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const USERNAME = 'builder'
const PASSWORD = `secret-${crypto.randomUUID()}`
const BASIC = Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')

let pki: Authority
let server: StaticServer
/** Paths that were asked for with the right login, in their order. */
const answered: string[] = []
/** What the server does with a request before it looks for a file; tests put in what goes wrong. */
let trouble: Gate = () => false

before(async () => {
  pki = authority(join(root, 'pki'))
  await fillUpstream(root, served)
  server = await serveStatic(served, pki, (request, response) => {
    if (request.headers.authorization !== `Basic ${BASIC}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="organisation"' }).end()
      return true
    }
    answered.push(request.url ?? '')
    return trouble(request, response)
  })
})
after(async () => {
  await server.close()
  rmSync(root, { recursive: true, force: true })
})

interface Built {
  readonly exit: number | null
  readonly said: string
  /** Every argument list that any process of this machine had meanwhile. */
  readonly commands: ReadonlySet<string>
}

/** A definition of these ecosystems, in a folder of that name. */
function define(name: string, ecosystems: readonly string[] | undefined, change: (mirror: MirrorSpec) => MirrorSpec = (mirror) => mirror): string {
  const folder = join(root, name)
  const mirrors = asked(server.host).filter(({ ecosystem }) => ecosystems?.includes(ecosystem) ?? true).map(change)
  const head = { apiVersion: 'sallyport/v1', kind: 'content', name: 'private', version: '1.0.0', sequence: 1, marking: { level: 'UNCLASSIFIED' } }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'bundle.yaml'), stringify({ ...head, targets: [{ os: 'debian', release: '13', architecture: 'amd64' }], mirrors }))
  return folder
}

/** `sallyport build` as a person runs it, on a machine with these settings. */
async function build(folder: string, env: NodeJS.ProcessEnv, onSaid: (said: string, child: ChildProcess) => void = () => {}): Promise<Built> {
  return run(['build', folder, '-o', join(folder, `out-${readdirSync(folder).length}`), '--store', join(folder, 'store')], env, onSaid)
}

async function run(words: readonly string[], env: NodeJS.ProcessEnv, onSaid: (said: string, child: ChildProcess) => void = () => {}): Promise<Built> {
  const child = spawn(process.execPath, [CLI, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      onSaid(said, child)
    })
  const commands = new Set<string>()
  const watch = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one)))
      try {
        commands.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // It ended meanwhile.
      }
  }, 20)
  const [exit] = (await once(child, 'close')) as [number | null]
  clearInterval(watch)
  return { exit, said, commands }
}

const SECRETS = [PASSWORD, BASIC]
function assertSilent(text: string, where: string): void {
  for (const secret of SECRETS) assert.ok(!text.includes(secret), `the login is in ${where}`)
}
function assertNowhereBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { parentPath, name } of files) assertSilent(readFileSync(join(parentPath, name), 'latin1'), join(parentPath, name))
  return files.length
}

const login = (password = PASSWORD): NodeJS.ProcessEnv => clientSettings(mkdtempSync(join(root, 'home-')), { host: server.host, username: USERNAME, password, ca: pki.ca })

test('every source takes from a private upstream by its own client’s login and a private root; the login is nowhere else', async () => {
  const { exit, said, commands } = await build(define('all', undefined), login())
  assert.equal(exit, 0, said)
  for (const { ecosystem } of asked(server.host)) assert.ok(answered.some((path) => path.startsWith(`/${ecosystem}/`)), `${ecosystem} was not asked: ${said}`)
  assertSilent(said, 'what was printed')
  assert.ok([...commands].some((words) => words.includes('npm')) && [...commands].some((words) => words.includes('pip')), 'no client was seen at work')
  for (const words of commands) assertSilent(words, 'an argument list')
  assert.ok(assertNowhereBelow(join(root, 'all')) > 50, 'too little was looked through')
})

test('a wrong password, and a root that is not trusted, are said without the login', async () => {
  for (const ecosystem of asked(server.host).map((one) => one.ecosystem)) {
    const wrong = await build(define(`wrong-${ecosystem}`, [ecosystem]), login(`${PASSWORD}-not`))
    assert.equal(wrong.exit, UPSTREAM, `${ecosystem}: ${wrong.said}`)
    assert.match(wrong.said, /E_UPSTREAM_LOGIN/, `${ecosystem}: ${wrong.said}`)
    assertSilent(wrong.said, `what ${ecosystem} printed`)
  }
  const untrusted = { ...login(), SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt', PIP_CERT: '/etc/ssl/certs/ca-certificates.crt' }
  for (const ecosystem of ['go', 'maven']) {
    const { exit, said } = await build(define(`untrusted-${ecosystem}`, [ecosystem]), untrusted)
    assert.equal(exit, UPSTREAM, `${ecosystem}: ${said}`)
    assert.match(said, /E_UPSTREAM_UNREACHABLE/, `${ecosystem}: ${said}`)
    assertSilent(said, `what ${ecosystem} printed`)
  }
})

/** Does something to a request while a test runs. */
async function troubled<T>(gate: Gate, work: () => Promise<T>): Promise<T> {
  trouble = gate
  answered.length = 0
  try {
    return await work()
  } finally {
    trouble = () => false
  }
}
const asks = (pattern: RegExp): number => answered.filter((path) => pattern.test(path)).length
const JAR = /slf4j-api-2\.0\.17\.jar$/

test('an upstream that is away for a moment is asked again, and one that stays away is given up', async () => {
  let away = 2
  const away503: Gate = (request, response) => {
    if (!JAR.test(request.url ?? '') || away-- <= 0) return false
    response.writeHead(503).end()
    return true
  }
  const { exit, said } = await troubled(away503, () => build(define('flaky', ['maven']), login()))
  assert.equal(exit, 0, said)
  assert.equal(asks(JAR), 3)
  const gone = await troubled((_, response) => Boolean(response.writeHead(503).end()), () => build(define('gone', ['maven']), login()))
  assert.equal(gone.exit, UPSTREAM, gone.said)
  assert.match(gone.said, /E_UPSTREAM_UNREACHABLE/)
  assert.equal(answered.length, 4, 'one try and three more')
})

test('a download that breaks off goes on where it was', async () => {
  const ranges: (string | undefined)[] = []
  const half: Gate = (request, response) => {
    if (!JAR.test(request.url ?? '')) return false
    const bytes = readFileSync(join(served, request.url ?? ''))
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    ranges.push(request.headers.range)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from })
    if (ranges.length > 2) return Boolean(response.end(bytes.subarray(from)))
    response.write(bytes.subarray(from, from + 20_000), () => setTimeout(() => response.destroy(), 100))
    return true
  }
  const { exit, said } = await troubled(half, () => build(define('broken', ['maven']), login()))
  assert.equal(exit, 0, said)
  assert.deepEqual(ranges, [undefined, 'bytes=20000-', 'bytes=40000-'])
})

test('a build that was interrupted takes from upstream only what it does not have yet', async () => {
  const folder = define('interrupted', ['maven', 'npm'])
  let holding = true
  const hold: Gate = (request) => holding && JAR.test(request.url ?? '')
  await troubled(hold, async () => {
    let told = false
    const { exit } = await build(folder, login(), (_, child) => {
      // A second interrupt would end it at once, nothing cleared up.
      if (!told && asks(JAR) > 0 && asks(/is-odd-3\.0\.1\.tgz/) > 0 && asks(/slf4j-bom-2\.0\.17\.pom$/) > 1) told = child.kill('SIGINT')
    })
    assert.equal(exit, 12)
  })
  holding = false
  await troubled(() => false, async () => {
    const { exit, said } = await build(folder, login())
    assert.equal(exit, 0, said)
  })
  assert.equal(asks(JAR), 1)
  assert.equal(asks(/\.tgz$/), 0, answered.join('\n'))
})

test('an upstream that has other bytes than the lock is refused, whichever it is', async () => {
  const files = { npm: 'npm/_tarballs/is-odd/is-odd-3.0.1.tgz', pypi: 'pypi/files/six-1.17.0-py2.py3-none-any.whl', maven: 'maven/org/slf4j/slf4j-api/2.0.17/slf4j-api-2.0.17.jar', galaxy: 'galaxy/artifacts/example-greeting-1.0.0.tar.gz' }
  for (const [ecosystem, file] of Object.entries(files)) {
    const folder = define(`changed-${ecosystem}`, [ecosystem])
    assert.equal((await build(folder, login())).exit, 0)
    rmSync(join(folder, 'store'), { recursive: true })
    const bytes = readFileSync(join(served, file))
    const changed = Buffer.from(bytes)
    changed[bytes.length >> 1] = (changed[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(join(served, file), changed)
    const { exit, said } = await build(folder, login())
    writeFileSync(join(served, file), bytes)
    assert.equal(exit, UPSTREAM, said)
    assert.match(said, /E_UPSTREAM_CHANGED/, ecosystem)
  }
})

test('mirror sync adds only what is new, and leaves the lock alone when nothing is', async () => {
  const folder = define('synced', ['maven', 'npm'])
  const lock = (): string => readFileSync(join(folder, 'bundle.lock.yaml'), 'utf8')
  const sync = async (): Promise<Synced> => {
    const { exit, said } = await troubled(() => false, () => run(['mirror', 'sync', folder, '--store', join(folder, 'store'), '--json'], login()))
    assert.equal(exit, 0, said)
    return JSON.parse(said.split('\n').findLast((line) => line.startsWith('{"mirrors"')) ?? '{}') as Synced
  }
  const first = await sync()
  assert.ok(first.changed && first.fetched.items > 4 && asks(/\.(?:tgz|jar)$/) > 2)
  const before = lock()
  const second = await sync()
  assert.deepEqual([second.changed, second.fetched.items, asks(/\.(?:tgz|jar)$/)], [false, 0, 0])
  assert.equal(lock(), before)

  define('synced', ['maven', 'npm'], (mirror) => (mirror.ecosystem === 'npm' ? { ...mirror, packages: [...(mirror.packages ?? []), 'is-even@1.0.0'] } : mirror))
  const third = await sync()
  assert.ok(third.changed)
  assert.deepEqual(third.mirrors.find(({ name }) => name === 'maven')?.added, [])
  const { added, gone } = third.mirrors.find(({ name }) => name === 'npm') ?? assert.fail()
  assert.ok(added.includes('is-even 1.0.0') && !added.includes('is-odd 3.0.1') && gone.length === 0, added.join())
  assert.equal(asks(/is-odd-3\.0\.1\.tgz|\.jar$/), 0)
  assert.equal(asks(/\.tgz$/), third.fetched.items)

  define('synced', ['maven', 'npm'])
  const fourth = await sync()
  assert.deepEqual([fourth.fetched.items, fourth.mirrors.find(({ name }) => name === 'npm')?.gone.includes('is-even 1.0.0')], [0, true])
  assert.equal((await build(folder, { ...login(), npm_config_registry: 'https://127.0.0.1:9/' })).exit, 0, 'what was synced is built without asking')
})
