import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { cacheFolder } from '../../src/bundle/cache.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { ingest } from '../../src/connected/build/ingest.ts'
import { compileGo } from '../../src/connected/images/compile.ts'
import { compileRequest } from '../../src/connected/images/request.ts'
import { goSource } from '../../src/connected/sources/go/index.ts'
import type { LockedItem } from '../../src/connected/sources/source.ts'

const folder = mkdtempSync(join(tmpdir(), 'go-program-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SPEC = { module: 'github.com/google/addlicense@v1.1.1', toolchain: 'go1.26.11', to: '/usr/bin/addlicense' }
const { request } = compileRequest(SPEC)
const signal = new AbortController().signal
const items: LockedItem[] = []
let store: ContentStore

function sourceIn(name: string): ReturnType<typeof goSource> {
  const scratch = join(folder, name)
  mkdirSync(scratch)
  return goSource({ store, scratch, target: { os: 'debian', release: '13', architecture: 'amd64' }, signal, env: process.env, locate: (path) => path })
}

before(async () => {
  store = new ContentStore(join(cacheFolder(process.env), 'store'))
  const source = sourceIn('resolve')
  for (const item of await source.resolve(request)) items.push(await ingest(item, request, { source, store, signal, onBytes: () => {} }))
})

const parts = (): Parameters<typeof compileGo>[1] => items.map(({ path, sha256 }) => ({ path, sha256, file: store.pathOf(sha256) }))

test('a program is pinned with its toolchain and every module it is made of, each with the digest upstream vouches for', () => {
  const zips = items.filter(({ path }) => path.endsWith('.zip'))
  assert.deepEqual(
    zips.map(({ name }) => name),
    ['github.com/bmatcuk/doublestar/v4', 'github.com/google/addlicense', 'golang.org/toolchain', 'golang.org/x/sync'],
  )
  for (const { upstream } of zips) assert.match(upstream ?? '', /^h1:/)
})

test('it is compiled without network, and twice to the same bytes in different folders', async () => {
  const once = await compileGo(SPEC, parts(), join(folder, 'once'))
  const again = await compileGo(SPEC, parts(), join(folder, 'somewhere', 'else'))
  assert.ok(readFileSync(once).equals(readFileSync(again)))
  const said = execFileSync('sh', ['-c', '"$0" -help 2>&1 || true', once], { encoding: 'utf8' })
  assert.match(said, /addlicense/i)
  assert.ok(!readFileSync(once).includes(folder), 'it remembers where it was made')
})

test('a part that is not what go.sum in the module says is refused', async () => {
  const [one, other] = ['doublestar', 'sync'].map((name) => parts().find(({ path }) => path.includes(name) && path.endsWith('.zip')))
  assert.ok(one && other)
  const swapped = parts().map((part) => (part.path === one.path ? { ...part, file: other.file } : part))
  await assert.rejects(compileGo(SPEC, swapped, join(folder, 'swapped')), (error) => error instanceof Fault && error.code === 'E_IMAGE_RUN')
})

test('a module that upstream does not have is named', async () => {
  const missing = { items: [request.items[0] as string, 'github.com/google/addlicense@v9.9.9'], purpose: 'program' as const }
  await assert.rejects(sourceIn('missing').resolve(missing), (error) => error instanceof Fault && /addlicense@?.*v9\.9\.9|addlicense/.test(JSON.stringify(error.detail)))
})
