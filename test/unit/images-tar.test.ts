import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { contentBytes } from '../../src/connected/images/content.ts'
import { madeDirectory, madeFile, madeSymlink, type Entry, type Node } from '../../src/connected/images/node.ts'
import { placeFault } from '../../src/connected/images/place.ts'
import { readTar } from '../../src/connected/images/tar-read.ts'
import { writeTar } from '../../src/connected/images/tar-write.ts'
import { listed } from './images-fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'images-tar-'))
after(() => rmSync(folder, { recursive: true }))
const tar = join(folder, 'layer.tar')

/** What an image may hold: names that nobody could read are refused, and tests of their own say so. */
const step = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }).filter((text) => !/[/\\]|^\.wh\./.test(text) && placeFault(text) === undefined)
const path = fc.array(step, { minLength: 1, maxLength: 4 }).map((steps) => steps.join('/'))
const id = fc.nat({ max: 4_000_000 })
const node: fc.Arbitrary<Node> = fc.oneof(
  fc.tuple(fc.uint8Array({ maxLength: 3000 }), fc.nat({ max: 0o7777 }), id, id).map(([bytes, mode, uid, gid]) =>
    madeFile(Buffer.from(bytes), mode, uid, gid),
  ),
  fc.tuple(fc.nat({ max: 0o7777 }), id, id).map(([mode, uid, gid]) => madeDirectory(mode, uid, gid)),
  path.map((target) => madeSymlink(target)),
)

test('any entries come back as they were written', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.record({ path, node }), { maxLength: 8, selector: (entry) => entry.path }), (entries) => {
      writeFileSync(tar, Buffer.concat([...writeTar(entries)]))
      const back = readTar(tar).map((entry) => ({ path: entry.path, node: held(entry.node) }))
      assert.deepEqual(back, entries.map((entry) => ({ path: entry.path, node: held(entry.node) })))
    }),
    { numRuns: 60 },
  )
})

test('GNU tar reads long names, hard links and large numbers as meant', () => {
  const shared = madeFile(Buffer.from('once'), 0o644)
  const long = `${'a'.repeat(150)}/${'ü'.repeat(120)}`
  const entries: Entry[] = [
    { path: 'a', node: shared },
    { path: 'b', node: shared },
    { path: long, node: madeFile(Buffer.alloc(3 << 20), 0o4755, 3_000_000, 4_000_000) },
    { path: 'link', node: madeSymlink('t'.repeat(200)) },
  ]
  writeFileSync(tar, Buffer.concat([...writeTar(entries)]))
  assert.deepEqual(listed(tar), [
    '-rw-r--r-- 0/0 a',
    'hrw-r--r-- 0/0 b link to a',
    `-rwsr-xr-x 3000000/4000000 ${long}`,
    `lrwxrwxrwx 0/0 link -> ${'t'.repeat(200)}`,
  ])
  const [a, b] = readTar(tar)
  assert.equal(a?.node, b?.node, 'a hard link is one file')
})

function held(node: Node): unknown {
  return node.type === 'file' ? { ...node, content: contentBytes(node.content) } : node
}
