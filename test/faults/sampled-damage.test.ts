/**
 * 100,000 samples of flips, truncations, swaps, duplicates and removals of a large bundle, judged by two verifiers: ours and
 * test/second-verifier. A round damages many files at once; both have to name every one of them and no other.
 */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ContentStore } from '../../src/bundle/store.ts'
import { judge, type Step } from '../contract/damage.ts'
import { Bench } from '../contract/two-verifiers.ts'

const LARGE_FILES = 2000

/** Numbers that are the same in every run: a linear congruential generator (Numerical Recipes). */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function shuffled(paths: readonly string[], roll: (below: number) => number): string[] {
  const left = [...paths]
  return Array.from(paths, () => left.splice(roll(left.length), 1)[0] ?? '')
}

test('100,000 samples of damage to a large bundle, each named by both', async (t) => {
  const bench = await Bench.start()
  t.after(() => bench.end())
  const { root, second } = bench
  const roll = dice(20_261_130)
  const store = new ContentStore(join(root, 'large-store'))
  const entries = []
  for (let index = 0; index < LARGE_FILES; index++) {
    const bytes = Buffer.alloc(1024 + roll(48 << 10), `package ${index} `)
    bytes.writeUInt32BE(index)
    const { sha256, size } = await store.put(bytes)
    entries.push({ path: `pool/package-${index}.deb`, sha256, size })
  }
  const { ours, theirs, paths } = await bench.twins('large', { store, mirrors: [{ name: 'debian', ecosystem: 'apt', entries }] })
  const blobs = entries.map((entry) => `blobs/sha256/${entry.sha256}`)
  const others = paths.filter((path) => !blobs.includes(path))
  const size = new Map(paths.map((path) => [path, statSync(join(ours.directory, path)).size]))
  const sizeOf = (path: string) => size.get(path) ?? 0
  const counts = new Map<string, number>()
  const both = async (damage: readonly Step[], expected?: readonly string[]) => {
    const [mine, other] = await Promise.all([judge(ours, damage), second.judge(theirs, damage)])
    assert.ok(mine.classes.length > 0 && other.classes.length > 0, `accepted: ${damage.join(' ')}`)
    assert.deepEqual(mine.classes, other.classes, `${damage[0]?.join(' ')}: ${mine.reasons[0]}; ${other.reasons[0]}`)
    // Many files at once: each verifier has to name every one of them, and nothing else.
    if (expected) assert.deepEqual([mine.named, other.named], [expected.toSorted(), expected.toSorted()])
    for (const [kind] of damage) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const started = performance.now()
  for (let round = 0; round < 30; round++)
    await both(blobs.map((path) => ['flip', path, roll(sizeOf(path) * 8)]), blobs)
  for (let round = 0; round < 5; round++) {
    await both(blobs.map((path) => ['truncate', path, roll(sizeOf(path))]), blobs)
    await both(blobs.map((path) => ['remove', path]), blobs)
    const copies = blobs.map((path, index) => `${path}${index}`)
    await both(blobs.map((path, index) => ['copy', path, copies[index] ?? '']), copies)
  }
  for (let round = 0; round < 10; round++) {
    const order = shuffled(blobs, roll)
    await both(order.flatMap((path, index): Step[] => (index % 2 ? [['swap', path, order[index - 1] ?? '']] : [])), blobs)
  }
  // What holds the bundle together, one at a time.
  for (const path of others) {
    for (let time = 0; time < 3; time++) {
      await both([['flip', path, roll(sizeOf(path) * 8)]])
      await both([['truncate', path, roll(sizeOf(path))]])
    }
    await both([['remove', path]])
    await both([['copy', path, `${path}.copy`]])
    await both([['swap', path, blobs[roll(blobs.length)] ?? '']])
  }
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0)
  assert.ok(all >= 100_000, `only ${all}`)
  const bytes = [...size.values()].reduce((sum, one) => sum + one, 0)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`${all} samples in ${paths.length} files of ${(bytes / 1e6).toFixed(0)} MB: ${[...counts].map((one) => one.join(' ')).join(', ')}; ${seconds} s`)
})
