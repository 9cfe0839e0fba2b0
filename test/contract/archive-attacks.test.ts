/**
 * Hostile archives on the connected side: tars and zips of upstreams, layers of images made elsewhere, archives that
 * carry volumes. Every row is refused by each reader that could meet it, and leaves nothing behind.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { readArchive as readVolume } from '../../src/bundle/volumes/archive.ts'
import { readArchive } from '../../src/connected/images/archive.ts'
import { lowerOf } from '../../src/connected/images/lower.ts'
import { readTar } from '../../src/connected/images/tar-read.ts'
import { manifestOf } from '../../src/connected/sources/galaxy/archive.ts'
import { checkLayer } from '../../src/connected/sources/oci/layers.ts'
import { codesOf } from '../unit/bundle-fixture.ts'
import { entry, tar, TARS, WHITEOUTS, WILD_WHITEOUTS, zip, ZIPS } from './archive-attacks.ts'
import { PATHS } from './path-attacks.ts'

const folder = mkdtempSync(join(tmpdir(), 'archive-attacks-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0

function written(bytes: Buffer, ending = ''): string {
  const path = join(folder, `${count++}${ending}`)
  writeFileSync(path, bytes)
  return path
}

async function refusedAs(code: string, work: () => unknown): Promise<void> {
  assert.deepEqual(await codesOf((async () => work())()), [code])
}
const refused = (work: () => unknown): Promise<void> => refusedAs('E_IMAGE_ARCHIVE', work)

/** All that read tars of upstreams and layers made elsewhere. */
async function refusedByAll(bytes: Buffer): Promise<void> {
  const plain = written(bytes)
  await refused(() => readTar(plain))
  await refused(() => lowerOf([plain]))
  await refused(() => readArchive(plain, 'x.tar', `${plain}.scratch`))
  await refused(() => checkLayer(plain))
  for (const packed of [gzipSync(bytes), zstdCompressSync(bytes)]) {
    const file = written(packed)
    await refused(() => checkLayer(file))
    assert.ok(!readdirSync(folder).includes(`${file}.tar`))
  }
  const gzipped = written(gzipSync(bytes))
  await refused(() => readArchive(gzipped, 'x.tar.gz', `${gzipped}.scratch`))
  await refused(() => manifestOf(gzipped, `${gzipped}.inflated`))
}

test('archives without an attack are taken: the rows below differ from these alone', async () => {
  const good = tar(entry('a', { body: 'a' }), entry('./d/', { type: '5' }), entry('d/b'), entry('c', { type: '1', link: './a' }), entry('l', { type: '2', link: '../../etc' }))
  assert.deepEqual(readTar(written(good)).map(({ path }) => path), ['a', 'd', 'd/b', 'c', 'l'])
  await checkLayer(written(gzipSync(good)))
  const members = await readArchive(written(zip({ name: 'a' }, { name: 'd/' }, { name: 'l', mode: 0o120777, body: Buffer.from('a') })), 'x.zip', join(folder, 'good'))
  assert.deepEqual(members?.map(({ path, node }) => [path, node.type]), [['a', 'file'], ['d', 'directory'], ['l', 'symlink']])
  const packed = written(tar(entry('PACK0001.BIN', { body: 'a' })))
  assert.deepEqual([...(await readVolume(packed)).keys()], ['PACK0001.BIN'])
})

suite('tars', () => {
  for (const { name, bytes } of TARS) test(name, () => refusedByAll(bytes))
})

suite('paths in a tar', () => {
  // A backslash is a letter to Linux, unless two dots stand beside it; a slash at the end is a folder; steps of one dot change nothing.
  const harmless = /^[^\\]*\\|^a\\b$|^\.?\/|\/\.?$|\/\/|\/\.\//
  const hostile = PATHS.filter(({ path }) => path.includes('..') || path.startsWith('/') || !harmless.test(path))
  for (const { name, path } of hostile) {
    if (!path.isWellFormed() || path.includes('\0') || Buffer.byteLength(path) > 100) continue
    test(name, () => refusedByAll(tar(entry(path, { body: 'x' }))))
  }
})

suite('whiteouts', () => {
  for (const { name, bytes } of WHITEOUTS) {
    test(`${name} is for layers only`, async () => {
      const file = written(bytes)
      await refused(() => readTar(file))
      await checkLayer(file)
    })
  }
  for (const { name, bytes } of WILD_WHITEOUTS) test(`${name} is for no layer`, () => refusedByAll(bytes))
  test('a layer made here removes single paths, and never all that a folder holds', async () => {
    await refused(() => lowerOf([written(tar(entry('etc/.wh..wh..opq')))]))
    const below = written(tar(entry('etc/a'), entry('etc/b')))
    assert.deepEqual([...lowerOf([below, written(tar(entry('etc/.wh.a')))]).keys()], ['etc/b'])
  })
})

suite('zips', () => {
  for (const { name, bytes } of ZIPS) {
    test(name, async () => {
      const file = written(bytes, '.zip')
      await refused(() => readArchive(file, 'x.zip', `${file}.scratch`))
      await refused(() => readArchive(file, 'x.whl', `${file}.other`))
    })
  }
})

suite('an archive as the medium of a volume', () => {
  // Packs are held by their digests: what a cut volume still has is taken, what stands behind the end is never read.
  const taken = /behind the end$|behind one empty block$|^a size beyond the end$|^no end$|^half a body$|^half an end$|^an empty file$/
  for (const { name, bytes } of TARS.filter((attack) => !taken.test(attack.name))) {
    test(name, async () => {
      const file = written(bytes)
      await refusedAs('E_VOLUME_INVALID', () => readVolume(file))
    })
  }
})

test('nothing was written outside of the folder of this test', () => {
  mkdirSync(join(folder, 'last'))
  assert.deepEqual(readdirSync(folder).filter((name) => !/^\d+(?:\.zip)?(?:\.scratch|\.other)?$|^good$|^last$/.test(name)), [])
})
