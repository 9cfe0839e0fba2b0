import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { CEILING, bundleIn, partsIn, people, temporary } from '../unit/bundle-fixture.ts'

const IMPORT = new URL('import-once.ts', import.meta.url).pathname
const BLOBS = 4
/** Several reads of the importer each, so that a cut falls into the middle of a blob. */
const BLOB_BYTES = 24_000_000
/** The import is killed when it has taken in this part of all bytes. */
const CUTS = [0.05, 0.15, 0.3, 0.4, 0.55, 0.65, 0.8, 0.9, 1]

test('an import killed at any point and run again holds every blob, each with the bytes of its name', async (t) => {
  const directory = await temporary(t)
  const { root, alice } = await people()
  const parts = await partsIn(directory)
  const entries = []
  for (let number = 0; number < BLOBS; number += 1) {
    const { sha256, size } = await parts.store.put(randomBytes(BLOB_BYTES))
    entries.push({ path: `big/${number}`, sha256, size })
  }
  const { directory: bundle } = await bundleIn(directory, [alice], { store: parts.store, mirrors: [{ name: 'files', ecosystem: 'file', entries }] })
  const policy = join(directory, 'policy.json')
  const keys = [{ key: root, names: [] }, { key: alice, names: ['hello'] }]
  const dates = { created: '2026-11-22T00:00:00Z', expires: '2027-11-22T00:00:00Z' }
  await writeFile(policy, signPolicy(draftPolicy({ site: 'demo', ...dates, keys, ceiling: CEILING }), [root]))
  for (const part of CUTS) {
    const store = join(directory, `depot-${part}`)
    assert.equal(importInto([bundle, policy, store, String(part)]), 'SIGKILL')
    await rightBlobs(store)
    assert.equal(importInto([bundle, policy, store]), null)
    const names = await rightBlobs(store)
    for (const { sha256 } of entries) assert.ok(names.includes(sha256), `after a cut at ${part} of all bytes, ${sha256} is missing`)
  }
})

/** Names of the store's blobs, each held against its bytes: a name stands for them from the moment it is there. */
async function rightBlobs(store: string): Promise<string[]> {
  const blobs = join(store, 'blobs/sha256')
  const names = await readdir(blobs)
  for (const name of names) assert.equal(createHash('sha256').update(await readFile(join(blobs, name))).digest('hex'), name)
  return names
}

/** Imports in a process of its own; answers the signal that ended it, null after a good end. */
function importInto(words: readonly string[]): NodeJS.Signals | null {
  const { status, signal, stderr } = spawnSync(process.execPath, [IMPORT, ...words], { encoding: 'utf8' })
  assert.ok(status === 0 || signal !== null, stderr)
  return signal
}
