import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { refOf } from '../../src/bundle/digest.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { codesOf, temporary } from './bundle-fixture.ts'

const BYTES = Buffer.from('some bytes')
const REF = refOf(BYTES)

test('bytes, streams and files come back under the same reference', async (t) => {
  const directory = await temporary(t)
  const store = new ContentStore(join(directory, 'store'))
  await writeFile(join(directory, 'file'), BYTES)
  assert.deepEqual(await store.put(BYTES), REF)
  assert.deepEqual(await store.put(Readable.from([BYTES.subarray(0, 3), BYTES.subarray(3)]), REF), REF)
  assert.deepEqual(await store.putFile(join(directory, 'file'), { sha512: REF.sha512 }), REF)
  assert.equal(await store.has(REF.sha256), true)
  assert.deepEqual(await buffer(store.read(REF.sha256)), BYTES)
  assert.deepEqual(await store.bytes(REF.sha256, 100), BYTES)
  assert.deepEqual(await readdir(join(directory, 'store/tmp')), [])
  const [file, blob] = [await stat(join(directory, 'file')), await stat(store.pathOf(REF.sha256))]
  assert.notEqual(file.ino, blob.ino)
})

test('bytes that are not the announced ones are not kept', async (t) => {
  const store = new ContentStore(await temporary(t))
  for (const expect of [{ sha256: 'a'.repeat(64) }, { sha512: 'a'.repeat(128) }, { size: 3 }]) {
    assert.deepEqual(await codesOf(store.put(BYTES, expect)), ['E_STORE_DIGEST'])
  }
  assert.equal(await store.has(REF.sha256), false)
  assert.deepEqual(await readdir(join(store.directory, 'tmp')), [])
})

test('a source that fails leaves nothing', async (t) => {
  const store = new ContentStore(await temporary(t))
  const source = Readable.from(
    (async function* () {
      yield BYTES
      throw new Error('cut')
    })(),
  )
  await assert.rejects(store.put(source), /cut/)
  assert.deepEqual(await readdir(join(store.directory, 'tmp')), [])
})

test('a blob that changed on the disk counts as absent, is set aside, and is healed by the next put', async (t) => {
  const directory = await temporary(t)
  const before = new ContentStore(directory)
  await before.put(BYTES)
  await truncate(before.pathOf(REF.sha256), 3)
  await assert.rejects(buffer(before.read(REF.sha256)), { code: 'E_STORE_ABSENT' })
  const store = new ContentStore(directory)
  assert.equal(await store.has(REF.sha256), false)
  assert.deepEqual(await readdir(join(directory, 'damaged')), [REF.sha256])
  await store.put(BYTES)
  assert.equal(await store.has(REF.sha256), true)
  assert.deepEqual(await readFile(store.pathOf(REF.sha256)), BYTES)
})

test('an absent blob and one beyond the limit are refused when read', async (t) => {
  const store = new ContentStore(await temporary(t))
  await assert.rejects(buffer(store.read('f'.repeat(64))), { code: 'E_STORE_ABSENT' })
  await store.put(BYTES)
  assert.deepEqual(await codesOf(store.bytes(REF.sha256, 3)), ['E_TOO_LARGE'])
})

test('a link in place of a blob is not followed', async (t) => {
  const directory = await temporary(t)
  const store = new ContentStore(join(directory, 'store'))
  await store.stage()
  await writeFile(join(directory, 'outside'), BYTES)
  await symlink(join(directory, 'outside'), store.pathOf(REF.sha256))
  assert.deepEqual(await codesOf(store.has(REF.sha256)), ['E_FILE_UNREADABLE'])
})

test('many writers of the same and of other blobs at once', async (t) => {
  const directory = await temporary(t)
  const stores = [new ContentStore(directory), new ContentStore(directory)]
  const all = Array.from({ length: 60 }, (_, index) => Buffer.from(`blob ${index % 10}`))
  await Promise.all(all.map((bytes, index) => stores[index % 2]?.put(bytes)))
  assert.equal((await readdir(join(directory, 'blobs/sha256'))).length, 10)
  const fresh = new ContentStore(directory)
  for (const bytes of all) assert.equal(await fresh.has(refOf(bytes).sha256), true)
})

test('what a dead process left is cleared after a day, never what is being written', async (t) => {
  const directory = await temporary(t)
  await mkdir(join(directory, 'tmp'))
  await writeFile(join(directory, 'tmp/old'), 'x')
  await writeFile(join(directory, 'tmp/new'), 'x')
  await utimes(join(directory, 'tmp/old'), 0, 0)
  await new ContentStore(directory).put(BYTES)
  assert.deepEqual(await readdir(join(directory, 'tmp')), ['new'])
})
