import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import type { BlobRef } from '../../src/bundle/digest.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { readBase } from '../../src/bundle/volumes/base.ts'
import { chunksOf } from '../../src/bundle/volumes/chunks.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { parseMedia } from '../../src/bundle/volumes/media.ts'
import { instructionsOf } from '../../src/bundle/volumes/recipe.ts'
import { writeBundle, type BundleParts } from '../../src/bundle/write.ts'
import { FIELDS, NOW, codesOf, partsIn, people, policyOf, temporary } from './bundle-fixture.ts'
import { noise, snapshot } from './volumes-fixture.ts'

const MEDIA = parseMedia('usb:1G')

/** A layer of 300 files in 12 MB; in `round` 1 every tenth file has other bytes and another length. */
async function layer(directory: string, round: number): Promise<Buffer> {
  const root = join(directory, `root-${round}`)
  for (let number = 0; number < 300; number += 1) {
    const folder = join(root, `usr/lib/part-${number % 20}`)
    await mkdir(folder, { recursive: true })
    const changed = round === 1 && number % 10 === 3
    const size = 1_000 + ((number * 7919) % 78_000) + (changed ? 333 : 0)
    await writeFile(join(folder, `file-${number}`), noise(`file ${number} ${changed}`, size))
  }
  return execFileSync('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-c', '.'], { cwd: root, maxBuffer: 1 << 28 })
}

async function image(parts: BundleParts, tar: Buffer): Promise<BundleParts['images'][number]> {
  const { store } = parts
  const [blob, config] = [await store.put(tar), await store.put(Buffer.from('{"architecture":"amd64","os":"linux"}'))]
  const descriptor = (mediaType: string, { sha256, size }: BlobRef) => ({ mediaType, digest: `sha256:${sha256}`, size })
  const manifest = await store.put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor('application/vnd.oci.image.config.v1+json', config),
        layers: [descriptor('application/vnd.oci.image.layer.v1.tar', blob)],
      }),
    ),
  )
  return { name: 'app', reference: 'localhost/app:1.0.0', manifest }
}

async function releases(t: TestContext) {
  const directory = await temporary(t)
  const { root, alice } = await people()
  const parts = await partsIn(directory)
  const installer = async (tail: string) => {
    const path = join(directory, `installer-${tail}`)
    await writeFile(path, Buffer.concat([noise('node', 4_000_000), noise(tail, 50_000)]))
    return path
  }
  const shared = await parts.store.put(noise('shared', 5_000_000))
  const mirrors = [...parts.mirrors, { name: 'files', ecosystem: 'file', entries: [{ path: 'shared', sha256: shared.sha256, size: shared.size }] }]
  const make = async (name: string, round: number, sequence: number) => {
    const tar = await layer(directory, round)
    const whole = { ...parts, mirrors, images: [...parts.images, await image(parts, tar)], installer: await installer(name) }
    const written = await writeBundle(join(directory, name), { ...whole, fields: { ...FIELDS, version: name, sequence } })
    await signBundle(written.directory, alice)
    return { directory: written.directory, digest: written.digest, tar: tar.byteLength }
  }
  const [old, fresh, other] = [await make('1.0.0', 0, 100), await make('1.1.0', 1, 110), await make('0.9.0', 1, 90)]
  const store = join(directory, 'shelf')
  const pack = async (bundle: string, out: string, since: readonly string[] = []) => {
    const bases = await Promise.all(since.map(readBase))
    const set = await packVolumes(bundle, join(directory, out), { media: MEDIA, protection: undefined, spares: 1, bases, key: alice })
    return { ...set, path: join(directory, out, 'VOLUME-1') }
  }
  const policy = policyOf({ root, keys: [alice] })
  const take = (path: string) => importVolumes([path], { store, policy, now: NOW })
  return { directory, old, fresh, other, store, pack, take }
}

test('an image built again with a tenth of its files changed costs at most a fifth of its size; unchanged blobs cost nothing', async (t) => {
  const { old, fresh, pack, take, directory } = await releases(t)
  const whole = await pack(fresh.directory, 'whole')
  const delta = await pack(fresh.directory, 'delta', [old.directory])
  assert.equal(delta.deltas, 2)
  assert.ok(delta.held >= 8, `${delta.held} held`)
  // A tenth of the files: 1.1 MB of the layer, and 50 kB of the installer.
  assert.ok(delta.packed < fresh.tar / 5, `${delta.packed} bytes for a layer of ${fresh.tar}`)
  let changed = 0
  for (let number = 3; number < 300; number += 10) changed += 1_000 + ((number * 7919) % 78_000) + 333 + 1024
  assert.ok(delta.packed <= changed + 120_000, `${delta.packed} bytes, ${changed} changed`)
  assert.ok(whole.packed > 18_000_000)
  await take((await pack(old.directory, 'first')).path)
  const done = await take(delta.path)
  assert.deepEqual(await snapshot(done.directory), await snapshot(fresh.directory))
  const blob = Object.keys(await snapshot(old.directory)).find((path) => path in done.bundle.sums && path.startsWith('blobs/')) ?? ''
  const shared = [...done.bundle.sums.keys()].find((path) => path.startsWith('blobs/') && done.bundle.listing.files.get(path) === 5_000_000) ?? blob
  assert.equal((await stat(join(done.directory, shared))).ino, (await stat(join(directory, 'shelf/hello-1.0.0', shared))).ino)
})

test('a delta over the wrong release is refused, and the right one is named by its digest', async (t) => {
  const { old, fresh, other, pack, take, store } = await releases(t)
  const delta = await pack(fresh.directory, 'delta', [old.directory])
  await assert.rejects(take(delta.path), (fault: Fault) => fault.code === 'E_DELTA_BASE' && /hello 1\.0\.0/.test(fault.message) && fault.exit === 10)
  await take((await pack(other.directory, 'other')).path)
  const fault = await take(delta.path).catch((error: Fault) => error)
  assert.ok(fault instanceof Fault)
  assert.equal(fault.code, 'E_DELTA_BASE')
  assert.equal(fault.detail.expected, `1.0.0`.replace(/^/, 'hello ') + `, sequence 100, sha512 ${old.digest}`)
  assert.match(fault.detail.found ?? '', /hello 0\.9\.0/)
  assert.match(fault.detail.next ?? '', new RegExp(`Import hello 1.0.0 into ${store}`))
})

test('a base that has changed in the store is not built on', async (t) => {
  const { old, fresh, pack, take, store } = await releases(t)
  const delta = await pack(fresh.directory, 'delta', [old.directory])
  const done = await take((await pack(old.directory, 'first')).path)
  const shared = [...done.bundle.sums.keys()].find((path) => done.bundle.listing.files.get(path) === 5_000_000) ?? ''
  const good = await readFile(join(done.directory, shared))
  await writeFile(join(done.directory, shared), Buffer.alloc(5_000_000, 'x'))
  assert.deepEqual(await codesOf(take(delta.path)), ['E_DELTA_BASE'])
  await writeFile(join(done.directory, shared), good)
  const installer = join(done.directory, 'sallyport')
  await cp(installer, `${store}.kept`)
  await truncate(installer, 100_000)
  const fault = await take(delta.path).catch((error: Fault) => error)
  // The first delta run kept what it had built; the installer is one of these.
  assert.ok(!(fault instanceof Fault), String(fault))
  assert.deepEqual(await snapshot(fault.directory), await snapshot(fresh.directory))
  await rename(`${store}.kept`, installer)
})

test('only what a low side knows is needed: the head of a release leaves out its files, without deltas', async (t) => {
  const { old, fresh, pack, take } = await releases(t)
  const first = await pack(old.directory, 'first')
  const delta = await pack(fresh.directory, 'delta', [first.path])
  assert.equal(delta.deltas, 0)
  assert.ok(delta.held >= 8)
  await take(first.path)
  assert.deepEqual(await snapshot((await take(delta.path)).directory), await snapshot(fresh.directory))
})

test('chunks give back the file, and a shifted file has the same ones', async (t) => {
  const directory = await temporary(t)
  const bytes = noise('chunks', 3_000_000)
  const chunks = async (name: string, content: Buffer) => {
    await writeFile(join(directory, name), content)
    const all = []
    for await (const chunk of chunksOf(join(directory, name), 4096)) {
      assert.ok(chunk.bytes.equals(content.subarray(chunk.offset, chunk.offset + chunk.bytes.byteLength)))
      assert.ok(chunk.bytes.byteLength <= 16_384)
      all.push(chunk.bytes.toString('hex'))
    }
    assert.equal(all.join('').length, content.byteLength * 2)
    return all
  }
  const [one, two] = [await chunks('one', bytes), await chunks('two', Buffer.concat([Buffer.from('shift'), bytes]))]
  const known = new Set(one)
  assert.ok(two.filter((chunk) => !known.has(chunk)).length <= 3)
  assert.ok(one.length > 300 && one.length < 2_000, String(one.length))
})

test('instructions that are none are refused', () => {
  assert.deepEqual([...instructionsOf(Buffer.from('C 0 5 10\nL 3\n'))], [
    { copy: true, source: 0, offset: 5, length: 10 },
    { copy: false, length: 3 },
  ])
  for (const text of ['C 0 5\n', 'L 3', 'L -1\n', 'X 1\n', 'C 0 5 10 11\n']) assert.throws(() => [...instructionsOf(Buffer.from(text))], { code: 'E_VOLUME_INVALID' })
})
