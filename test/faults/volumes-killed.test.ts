import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { CEILING, partsIn, people, temporary } from '../unit/bundle-fixture.ts'
import { noise, snapshot } from '../unit/volumes-fixture.ts'

const IMPORT = new URL('volumes-once.ts', import.meta.url).pathname
/** The import of the second volume is killed in the kernel as it does this call: a write of a piece, a flush, a new name. */
const CUTS = { pwrite64: [1, 2, 3, 4], fsync: [1, 2, 3, 5, 8], rename: [1, 4, 6, 8, 12] } as const

test('an import of volumes killed at any point and run again gives the right bundle', async (t) => {
  const directory = await temporary(t)
  const { root, alice } = await people()
  const parts = await partsIn(directory)
  const entries = []
  for (const [path, size] of [['long', 22_000_000], ['short', 1_000_000], ['other', 3_000_000]] as const) {
    const { sha256 } = await parts.store.put(noise(path, size))
    entries.push({ path, sha256, size })
  }
  const { directory: bundle } = await writeBundle(join(directory, 'bundle'), { ...parts, mirrors: [{ name: 'files', ecosystem: 'file', entries }] })
  await signBundle(bundle, alice)
  const media = { name: 'test', capacity: 17_000_000, optical: false, archive: false }
  const set = await packVolumes(bundle, join(directory, 'set'), { media, protection: undefined, spares: 0, bases: [], key: alice })
  assert.equal(set.volumes.length, 2)
  const [one = '', two = ''] = set.volumes.map((name) => join(directory, 'set', name))
  const policy = join(directory, 'policy.json')
  const keys = [{ key: root, names: [] }, { key: alice, names: ['hello'] }]
  const dates = { created: '2026-11-22T00:00:00Z', expires: '2027-11-22T00:00:00Z' }
  await writeFile(policy, signPolicy(draftPolicy({ site: 'demo', ...dates, keys, ceiling: CEILING }), [root]))
  const whole = await snapshot(bundle)
  let inTheMidst = 0
  for (const [call, cuts] of Object.entries(CUTS)) {
    for (const cut of cuts) {
      const store = join(directory, `store-${call}-${cut}`)
      // The second first, so that a file waits for its beginning.
      assert.equal(importInto([policy, store, two]), null)
      const killed = importInto([policy, store, one], call, cut)
      if (killed !== 'SIGKILL') continue
      if (!(await stat(join(store, 'hello-1.0.0')).catch(() => undefined))) inTheMidst += 1
      await rightNames(store, whole)
      assert.equal(importInto([policy, store, one, two]), null)
      assert.deepEqual(await snapshot(join(store, 'hello-1.0.0')), whole, `after a cut at ${call} ${cut}`)
      assert.deepEqual(await readdir(join(store, '.incoming')).catch(() => []), [])
    }
  }
  assert.ok(inTheMidst >= 8, `${inTheMidst} cuts fell into the midst of an import: too few to show anything`)
})

/** Each file that has its name has its bytes, at any moment. */
async function rightNames(store: string, whole: Readonly<Record<string, string>>): Promise<void> {
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).replace(/^.*\/(?:bundle|hello-1\.0\.0)\//, '')
    const digest = whole[path]
    if (entry.isFile() && digest !== undefined) assert.equal(createHash('sha512').update(await readFile(join(entry.parentPath, entry.name))).digest('hex'), digest, path)
  }
}

function importInto(words: readonly string[], call?: string, cut?: number): NodeJS.Signals | null {
  const kill = ['--follow-forks', '--quiet=all', '--output=/dev/null', `--trace=${call}`, `--inject=${call}:signal=SIGKILL:when=${cut}`]
  const [program, first] = call === undefined ? [process.execPath, []] : ['strace', [...kill, process.execPath]]
  const { status, signal, stderr } = spawnSync(program, [...first, IMPORT, ...words], { encoding: 'utf8' })
  assert.ok(status === 0 || signal !== null, stderr)
  return signal
}
