import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { CEILING, bundleIn, partsIn, people, temporary } from '../unit/bundle-fixture.ts'

const IMPORT = new URL('import-once.ts', import.meta.url).pathname
const BLOBS = 4
/** Several reads of the importer each, so that a cut falls into the middle of a blob. */
const BLOB_BYTES = 24_000_000
/** The import is killed in the kernel, as one of its threads does this write to the disk: in the midst of a blob, mostly. */
const CUTS = [40, 60, 80, 110, 140, 170, 190]

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
  let half = 0
  for (const cut of CUTS) {
    const store = join(directory, `depot-${cut}`)
    assert.equal(importInto([bundle, policy, store], cut), 'SIGKILL')
    half += await unfinished(store)
    await rightBlobs(store)
    assert.equal(importInto([bundle, policy, store]), null)
    const names = await rightBlobs(store)
    for (const { sha256 } of entries) assert.ok(names.includes(sha256), `after a cut at write ${cut}, ${sha256} is missing`)
  }
  assert.ok(half > 0, 'no cut fell into the midst of a blob: this test showed nothing')
})

/** Names of the store's blobs, each held against its bytes: a name stands for them from the moment it is there. */
async function rightBlobs(store: string): Promise<string[]> {
  const blobs = join(store, 'blobs/sha256')
  const names = await readdir(blobs)
  for (const name of names) assert.equal(createHash('sha256').update(await readFile(join(blobs, name))).digest('hex'), name)
  return names
}

/** Files that were being written when the import was killed: begun, and shorter than a blob. */
async function unfinished(store: string): Promise<number> {
  let found = 0
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.endsWith('blobs/sha256')) continue
    const { size } = await stat(join(entry.parentPath, entry.name))
    if (size > 0 && size < BLOB_BYTES) found += 1
  }
  return found
}

/** Imports in a process of its own, killed at `cut` if given; answers the signal that ended it, null after a good end. */
function importInto(words: readonly string[], cut?: number): NodeJS.Signals | null {
  const kill = ['--follow-forks', '--quiet=all', '--output=/dev/null', '--trace=write', `--inject=write:signal=SIGKILL:when=${cut}`]
  const [program, first] = cut === undefined ? [process.execPath, []] : ['strace', [...kill, process.execPath]]
  const { status, signal, stderr } = spawnSync(program, [...first, IMPORT, ...words], { encoding: 'utf8' })
  assert.ok(status === 0 || signal !== null, stderr)
  return signal
}
