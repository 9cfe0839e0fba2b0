import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../src/bundle/fault.ts'
import { pathFault } from '../../src/bundle/path.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { ingest } from '../../src/connected/build/ingest.ts'
import { SOURCES } from '../../src/connected/sources/index.ts'
import type { Item, LockedItem, Source, SourceContext } from '../../src/connected/sources/source.ts'
import { CASES, type SourceCase } from './source-cases.ts'
import { authority, layOut, serveStatic, type Authority } from './source-server.ts'

const root = mkdtempSync(join(tmpdir(), 'sources-'))
const definition = fileURLToPath(new URL('../../bundles/hello', import.meta.url))
const signal = new AbortController().signal
let pki: Authority

before(() => {
  pki = authority(join(root, 'pki'))
})
after(() => rmSync(root, { recursive: true, force: true }))

function contextIn(folder: string, beside = definition): SourceContext {
  const scratch = join(folder, `scratch-${crypto.randomUUID()}`)
  mkdirSync(scratch, { recursive: true })
  return {
    store: new ContentStore(join(folder, 'store')),
    scratch,
    target: { os: 'debian', release: '13', architecture: 'amd64' },
    signal,
    env: process.env,
    locate: (path) => join(beside, path),
  }
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, `a fault, not ${String(error)}`)
  return error
}

test('the registry has one source for each folder', () => {
  const folder = fileURLToPath(new URL('../../src/connected/sources', import.meta.url))
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  assert.deepEqual(folders.map((entry) => entry.name).sort(), Object.keys(SOURCES).sort())
})

test('every kind with a tree is held to the contract, and has its page and settings in mirrors/', () => {
  const mirrors = fileURLToPath(new URL('../../mirrors', import.meta.url))
  assert.deepEqual([...CASES.map((one) => one.kind), 'oci'].sort(), Object.keys(SOURCES).sort())
  for (const kind of Object.keys(SOURCES))
    assert.ok(readdirSync(join(mirrors, kind)).includes('README.md'), `mirrors/${kind}/README.md`)
})

for (const one of CASES) describe(`source ${one.kind}`, () => contract(one))

function contract({ kind, request, missing, prepare, prefix, install }: SourceCase): void {
  const folder = join(root, kind)
  const beside = prepare === undefined ? definition : join(folder, 'beside')
  let context: SourceContext
  let source: Source
  let items: readonly Item[]
  let stored: LockedItem[]
  const into = (store: ContentStore, from: Source) => ({ source: from, store, signal, onBytes: () => {} })

  before(async () => {
    mkdirSync(beside, { recursive: true })
    await prepare?.(beside)
    context = contextIn(folder, beside)
    source = SOURCES[kind](context)
    items = await source.resolve(request)
    stored = []
    for (const item of items) stored.push(await ingest(item, request, into(context.store, source)))
  })

  test('resolves to exact items in order, each with a version, a path that may cross, and no host name', () => {
    assert.ok(items.length > 0)
    for (const item of items) {
      assert.equal(item.kind, kind)
      assert.notEqual(item.name, '')
      assert.notEqual(item.version, '')
      assert.equal(pathFault(item.path), undefined, item.path)
      assert.doesNotMatch(JSON.stringify(item), /:\/\//)
    }
    const groups = Map.groupBy(items, (item) => item.attributes?.['role'] ?? '')
    for (const group of groups.values()) {
      const paths = group.map((item) => item.path)
      if (kind !== 'apt') assert.deepEqual(paths, paths.toSorted())
    }
  })

  test('resolves to the same items again, in a new process’s eyes', async () => {
    assert.deepEqual(await SOURCES[kind](contextIn(folder, beside)).resolve(request), items)
  })

  test('keeps the digest that upstream states', () => {
    for (const item of stored) {
      const [algorithm, value] = item.upstream?.split(':') ?? []
      if (algorithm === 'sha256') assert.equal(value, item.sha256)
      if (algorithm === 'sha512') assert.equal(value, item.sha512)
    }
    assert.ok(stored.some((item) => item.upstream !== undefined))
  })

  test('fetches a locked item again without resolving', async () => {
    const fresh = contextIn(join(folder, 'again'), beside)
    const item = stored.at(-1) as LockedItem
    const again = await ingest(item, request, into(fresh.store, SOURCES[kind](fresh)))
    assert.deepEqual(again, item)
  })

  test('refuses other bytes than the lock’s, and keeps none of them', async () => {
    const fresh = contextIn(join(folder, 'changed'), beside)
    const wrong = { ...(stored.at(-1) as LockedItem), sha256: '0'.repeat(64) }
    const error = await faultOf(ingest(wrong, request, into(fresh.store, SOURCES[kind](fresh))))
    assert.equal(error.code, 'E_UPSTREAM_CHANGED')
    assert.match(error.detail.expected ?? '', /0{64}/)
    assert.match(error.detail.faults?.join() ?? '', new RegExp(`^${kind}: `))
    assert.deepEqual(readdirSync(join(fresh.store.directory, 'blobs/sha256')), [])
    assert.deepEqual(readdirSync(join(fresh.store.directory, 'tmp')), [])
  })

  test('names every missing item at once', async () => {
    const error = await faultOf(
      SOURCES[kind](contextIn(folder, beside)).resolve({ ...request, items: [...request.items, ...missing] }),
    )
    assert.equal(error.code, 'E_UPSTREAM_MISSING')
    const named = error.detail.faults?.join('\n') ?? ''
    for (const item of missing)
      assert.ok(named.includes(item.split(/[:=]/).at(kind === 'maven' ? 1 : 0) ?? ''), `${item} is not in ${named}`)
    for (const item of request.items) assert.ok(!named.includes(`no ${item}`), named)
  })

  test('makes the same tree twice, every file of it in the store', async () => {
    const tree = await source.tree(stored)
    assert.deepEqual(await source.tree(stored), tree)
    for (const file of tree) {
      assert.equal(pathFault(file.path), undefined, file.path)
      assert.ok(await context.store.has(file.sha256), file.path)
    }
    for (const item of stored)
      assert.ok(
        tree.some((file) => file.sha256 === item.sha256),
        item.path,
      )
  })

  if (prefix !== undefined && install !== undefined)
    test('an unmodified client installs from the tree over TLS', async () => {
      const served = join(folder, 'served')
      layOut(await source.tree(stored), context.store, join(served, prefix))
      const server = await serveStatic(served, pki)
      try {
        const place = join(folder, 'client')
        mkdirSync(place, { recursive: true })
        await install({ host: server.host, ca: pki.ca, folder: place })
      } finally {
        await server.close()
      }
    })
}
