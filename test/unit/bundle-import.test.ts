import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { importBlobs } from '../../src/bundle/import.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { openBundle, verifyBundle } from '../../src/bundle/verify.ts'
import { bundleIn, codesOf, NOW, partsIn, people, policyOf, temporary } from './bundle-fixture.ts'

async function setup(t: TestContext, large = false) {
  const directory = await temporary(t)
  const who = await people()
  const policy = policyOf({ root: who.root, keys: [who.alice] })
  const parts = await partsIn(directory)
  const entries = []
  // Large enough for threads to be used; several files of unequal size.
  for (const size of large ? [5 << 20, 3 << 20, 1 << 20, 700_001] : []) {
    const blob = await parts.store.put(randomBytes(size))
    entries.push({ path: `large-${size}`, sha256: blob.sha256, size })
  }
  const written = await bundleIn(directory, [who.alice], {
    ...parts,
    mirrors: [...parts.mirrors, { name: 'files', ecosystem: 'file', entries }],
  })
  const options = { policy, act: 'import', now: NOW } as const
  return {
    directory,
    written,
    store: new ContentStore(join(directory, 'depot')),
    options,
    blobs: 9 + entries.length + 1,
  }
}

test('every blob gets into the store, checked while it is copied; again, all are kept', async (t) => {
  const { directory, written, store, options } = await setup(t, true)
  const bundle = await openBundle(written.directory, options)
  const blobs = [...bundle.blobs()]
  const seen: number[] = []
  const first = await importBlobs(bundle, store, { workers: 2, onProgress: ({ done }) => seen.push(done) })
  assert.deepEqual([first.copied, first.kept], [blobs.length, 0])
  assert.equal(seen.at(-1), first.bytes)
  for (const ref of blobs) assert.deepEqual(await new ContentStore(store.directory).ref(ref.sha256), ref)
  const [{ ino }, inBundle] = [
    await stat(store.pathOf(blobs[0]?.sha256 ?? '')),
    await stat(bundle.blobPath(blobs[0]?.sha256 ?? '')),
  ]
  assert.notEqual(ino, inBundle.ino)
  const again = await importBlobs(bundle, store)
  assert.deepEqual([again.copied, again.kept], [0, blobs.length])
  assert.deepEqual(await readdir(join(directory, 'depot/tmp')), [])
})

test('a verified bundle whose bytes change afterwards is caught while copying; the good blobs stay', async (t) => {
  const { written, store, options } = await setup(t, true)
  const bundle = await verifyBundle(written.directory, options)
  const [mirror] = bundle.statement.mirrors
  assert.ok(mirror)
  const [entry] = await bundle.tree(mirror.tree)
  const victim = bundle.blobPath(entry?.sha256 ?? '')
  const bytes = await readFile(victim)
  await writeFile(victim, Buffer.from(bytes.map((byte) => byte ^ 1)))
  assert.deepEqual(await codesOf(importBlobs(bundle, store)), ['E_FILE_ALTERED'])
  await rm(victim)
  assert.deepEqual(await codesOf(importBlobs(bundle, store)), ['E_FILE_MISSING'])
  await writeFile(victim, bytes)
  const { copied, kept } = await importBlobs(bundle, store)
  assert.equal(copied, 1)
  assert.ok(kept > 5)
  assert.deepEqual(await readdir(join(store.directory, 'tmp')), [])
})

test('a blob damaged in the store is replaced from the bundle', async (t) => {
  const { written, store, options } = await setup(t)
  const bundle = await openBundle(written.directory, options)
  await importBlobs(bundle, store)
  const [ref] = bundle.blobs()
  assert.ok(ref)
  const size = ref.size
  await truncate(store.pathOf(ref.sha256), 0)
  await truncate(store.pathOf(ref.sha256), size)
  const { copied } = await importBlobs(bundle, store)
  assert.equal(copied, 1)
  assert.equal(await new ContentStore(store.directory).has(ref.sha256), true)
})

test('reads through the handle check what they return', async (t) => {
  const { directory, written, options } = await setup(t)
  const bundle = await verifyBundle(written.directory, options)
  await bundle.copyFile('sallyport', join(directory, 'copy'), 0o755)
  assert.equal((await stat(join(directory, 'copy'))).mode & 0o777, 0o755)
  assert.deepEqual(await codesOf(bundle.copyFile('nowhere', join(directory, 'copy2'))), ['E_FILE_MISSING'])
  await writeFile(join(written.directory, 'sallyport'), 'the 1nstaller')
  assert.deepEqual(await codesOf(bundle.copyFile('sallyport', join(directory, 'copy2'))), ['E_FILE_ALTERED'])
  assert.deepEqual((await readdir(directory)).includes('copy2'), false)
  const { tree } = bundle.statement.docs
  await writeFile(bundle.blobPath(tree.sha256), Buffer.alloc(tree.size, 32))
  assert.deepEqual(await codesOf(bundle.plain(tree)), ['E_FILE_ALTERED'])
})

test('an aborted import leaves no temporary file and can be run again', async (t) => {
  const { written, store, options } = await setup(t, true)
  const bundle = await openBundle(written.directory, options)
  const stop = new AbortController()
  const running = importBlobs(bundle, store, {
    workers: 1,
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('unplugged')),
  })
  stop.abort(new Error('unplugged'))
  await assert.rejects(running, /unplugged/)
  assert.deepEqual(await readdir(join(store.directory, 'tmp')), [])
  await importBlobs(bundle, store)
})
