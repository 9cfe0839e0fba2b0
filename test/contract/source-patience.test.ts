import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Synced } from '../../src/connected/build/sync.ts'
import { build, privateUpstream, run, UPSTREAM, type Private } from './source-organisation.ts'
import type { Gate } from './source-server.ts'

let upstream: Private

before(async () => {
  upstream = await privateUpstream(['npm', 'pypi', 'maven', 'galaxy'])
})
after(() => upstream.close())

/** is-odd and is-number; three POMs. */
const ALL_BUT_THE_JAR = 5
const JAR = /slf4j-api-2\.0\.17\.jar$/

test('an upstream that is away for a moment is asked again, and one that stays away is given up', async () => {
  let away = 2
  const away503: Gate = (request, response) => {
    if (!JAR.test(request.url ?? '') || away-- <= 0) return false
    response.writeHead(503).end()
    return true
  }
  const { exit, said } = await upstream.troubled(away503, () => build(upstream.define('flaky', ['maven']), upstream.login()))
  assert.equal(exit, 0, said)
  assert.equal(upstream.asks(JAR), 3)
  const gone = await upstream.troubled((_, response) => Boolean(response.writeHead(503).end()), () => build(upstream.define('gone', ['maven']), upstream.login()))
  assert.equal(gone.exit, UPSTREAM, gone.said)
  assert.match(gone.said, /E_UPSTREAM_UNREACHABLE/)
  assert.equal(upstream.answered.length, 4, 'one try and three more')
})

test('a download that breaks off goes on where it was', async () => {
  const ranges: (string | undefined)[] = []
  const half: Gate = (request, response) => {
    if (!JAR.test(request.url ?? '')) return false
    const bytes = readFileSync(join(upstream.served, request.url ?? ''))
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    ranges.push(request.headers.range)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from })
    if (ranges.length > 2) return Boolean(response.end(bytes.subarray(from)))
    response.write(bytes.subarray(from, from + 20_000), () => setTimeout(() => response.destroy(), 100))
    return true
  }
  const { exit, said } = await upstream.troubled(half, () => build(upstream.define('broken', ['maven']), upstream.login()))
  assert.equal(exit, 0, said)
  assert.deepEqual(ranges, [undefined, 'bytes=20000-', 'bytes=40000-'])
})

test('a build that was interrupted takes from upstream only what it does not have yet', async () => {
  const folder = upstream.define('interrupted', ['maven', 'npm'])
  let holding = true
  const hold: Gate = (request) => holding && JAR.test(request.url ?? '')
  await upstream.troubled(hold, async () => {
    let child: ChildProcess | undefined
    const blobs = join(folder, 'store/blobs/sha256')
    const watch = setInterval(() => {
      if (existsSync(blobs) && readdirSync(blobs).length === ALL_BUT_THE_JAR && child?.kill('SIGINT')) clearInterval(watch)
    }, 50)
    const { exit, said } = await build(folder, upstream.login(), (_, started) => void (child = started))
    clearInterval(watch)
    assert.equal(exit, 12, said)
  })
  holding = false
  await upstream.troubled(() => false, async () => {
    const { exit, said } = await build(folder, upstream.login())
    assert.equal(exit, 0, said)
  })
  assert.equal(upstream.asks(JAR), 1)
  assert.equal(upstream.asks(/\.tgz$/), 0, upstream.answered.join('\n'))
})

test('an upstream that has other bytes than the lock is refused, whichever it is', async () => {
  const files = { npm: 'npm/_tarballs/is-odd/is-odd-3.0.1.tgz', pypi: 'pypi/files/six-1.17.0-py2.py3-none-any.whl', maven: 'maven/org/slf4j/slf4j-api/2.0.17/slf4j-api-2.0.17.jar', galaxy: 'galaxy/artifacts/example-greeting-1.0.0.tar.gz' }
  for (const [ecosystem, file] of Object.entries(files)) {
    const folder = upstream.define(`changed-${ecosystem}`, [ecosystem])
    assert.equal((await build(folder, upstream.login())).exit, 0)
    rmSync(join(folder, 'store'), { recursive: true })
    const bytes = readFileSync(join(upstream.served, file))
    const changed = Buffer.from(bytes)
    changed[bytes.length >> 1] = (changed[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(join(upstream.served, file), changed)
    const { exit, said } = await build(folder, upstream.login())
    writeFileSync(join(upstream.served, file), bytes)
    assert.equal(exit, UPSTREAM, said)
    assert.match(said, /E_UPSTREAM_CHANGED/, ecosystem)
  }
})

test('mirror sync adds only what is new, and leaves the lock alone when nothing is', async () => {
  const folder = upstream.define('synced', ['maven', 'npm'])
  const lock = (): string => readFileSync(join(folder, 'bundle.lock.yaml'), 'utf8')
  const sync = async (): Promise<Synced> => {
    const { exit, said, printed } = await upstream.troubled(() => false, () => run(['mirror', 'sync', folder, '--store', join(folder, 'store'), '--json'], upstream.login()))
    assert.equal(exit, 0, said)
    return JSON.parse(printed) as Synced
  }
  const first = await sync()
  assert.ok(first.changed && first.fetched.items > 4 && upstream.asks(/\.(?:tgz|jar)$/) > 2)
  const before = lock()
  const second = await sync()
  assert.deepEqual([second.changed, second.fetched.items, upstream.asks(/\.(?:tgz|jar)$/)], [false, 0, 0])
  assert.equal(lock(), before)

  upstream.define('synced', ['maven', 'npm'], (mirror) => (mirror.ecosystem === 'npm' ? { ...mirror, packages: [...(mirror.packages ?? []), 'is-even@1.0.0'] } : mirror))
  const third = await sync()
  assert.ok(third.changed)
  assert.deepEqual(third.mirrors.find(({ name }) => name === 'maven')?.added, [])
  const { added, gone } = third.mirrors.find(({ name }) => name === 'npm') ?? assert.fail()
  assert.ok(added.includes('is-even 1.0.0') && !added.includes('is-odd 3.0.1') && gone.length === 0, added.join())
  assert.equal(upstream.asks(/is-odd-3\.0\.1\.tgz|\.jar$/), 0)
  assert.equal(upstream.asks(/\.tgz$/), third.fetched.items)

  upstream.define('synced', ['maven', 'npm'])
  const fourth = await sync()
  assert.deepEqual([fourth.fetched.items, fourth.mirrors.find(({ name }) => name === 'npm')?.gone.includes('is-even 1.0.0')], [0, true])
  assert.equal((await build(folder, { ...upstream.login(), npm_config_registry: 'https://127.0.0.1:9/' })).exit, 0, 'what was synced is built without asking')
})
