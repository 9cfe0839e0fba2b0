import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { prepareIncoming } from '../../src/enclave/engine/prepare.ts'
import { hostPaths } from '../../src/enclave/paths.ts'

const root = mkdtempSync(join(tmpdir(), 'prepare-'))
after(() => rmSync(root, { recursive: true }))
const paths = hostPaths(root)
const digest = '0'.repeat(128)
const content = 'a blob that the store holds already\n'
const sha256 = createHash('sha256').update(content).digest('hex')
const blob = { path: `blobs/sha256/${sha256}`, sha512: createHash('sha512').update(content).digest('hex'), size: content.length }
const sent = { path: 'bundle.json', sha512: createHash('sha512').update('{}\n').digest('hex'), size: 3 }

test('an upload that is prepared again leaves nothing but the files of the list', async () => {
  mkdirSync(join(paths.store, 'blobs/sha256'), { recursive: true })
  writeFileSync(join(paths.store, blob.path), content)
  assert.deepEqual(await prepareIncoming(paths, digest, [blob, sent]), ['bundle.json'])
  const folder = join(paths.incoming, digest)
  writeFileSync(join(folder, 'bundle.json'), '{}\n')
  writeFileSync(join(folder, `${blob.path}.link`), 'left by an attempt that was cut off')
  assert.deepEqual(await prepareIncoming(paths, digest, [blob, sent]), [])
  assert.deepEqual(readdirSync(join(folder, 'blobs/sha256')), [sha256])
  assert.deepEqual(readdirSync(folder).toSorted(), ['blobs', 'bundle.json'])
})

test('a file that is there with other bytes is asked for again', async () => {
  const file = join(paths.incoming, digest, 'bundle.json')
  writeFileSync(file, '[]\n')
  assert.deepEqual(await prepareIncoming(paths, digest, [blob, sent]), ['bundle.json'])
  assert.equal(existsSync(file), false)
})
