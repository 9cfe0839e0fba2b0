import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { CEILING, bundleIn, partsIn, people, temporary } from '../unit/bundle-fixture.ts'

const IMPORT = new URL('import-once.ts', import.meta.url).pathname
const BLOBS = 12
const BLOB_BYTES = 3_000_000
/** The import is killed when it has reported this part of all bytes. */
const CUTS = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]

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
  const store = join(directory, 'depot')
  let cutShort = 0
  for (const part of CUTS) if (await importUntil([bundle, policy, store], part * BLOBS * BLOB_BYTES)) cutShort += 1
  assert.ok(cutShort >= 3, `only ${cutShort} of the imports were cut short`)
  assert.equal(await importUntil([bundle, policy, store], Infinity), false)
  const blobs = join(store, 'blobs/sha256')
  const names = await readdir(blobs)
  assert.ok(names.length > BLOBS)
  for (const name of names) assert.equal(createHash('sha256').update(await readFile(join(blobs, name))).digest('hex'), name)
  for (const { sha256 } of entries) assert.ok(names.includes(sha256))
})

/** Imports in a process of its own and kills it with SIGKILL at `bytes`; whether it was killed before its end. */
async function importUntil(words: readonly string[], bytes: number): Promise<boolean> {
  const child = spawn(process.execPath, [IMPORT, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit') as Promise<[number | null]>
  for await (const line of createInterface({ input: child.stdout })) if (!line.startsWith('end') && Number(line) >= bytes) child.kill('SIGKILL')
  const [status] = await exit
  assert.ok(status === 0 || status === null, `the import ended with ${status}`)
  return status === null
}
