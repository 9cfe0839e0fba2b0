/**
 * Every single bit of a small bundle, turned for two verifiers: ours and test/second-verifier. Neither accepts one, and they
 * agree on each.
 */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { flips, judge } from '../contract/damage.ts'
import { Bench } from '../contract/two-verifiers.ts'

/** `EVERY_BIT=1`: all of them, about five minutes. Without it the two longest files have every seventh bit turned, one in each byte. */
const WHOLE = process.env['EVERY_BIT'] === '1'
const LONG = /^README\.txt$|\.mldsa87\.sig$/

test('every single bit of a small bundle', async (t) => {
  const bench = await Bench.start()
  t.after(() => bench.end())
  const { second } = bench
  const { ours, theirs, paths } = await bench.twins('small', { docs: [{ path: 'note.txt', bytes: Buffer.from('a note\n') }] })
  assert.deepEqual([(await judge(ours)).classes, (await second.judge(theirs)).classes], [[], []])
  const outcomes = new Map<string, number>()
  const started = performance.now()
  for (const path of paths) {
    const bits = statSync(join(ours.directory, path)).size * 8
    const step = WHOLE || !LONG.test(path) ? 1 : 7
    const [mine, other] = await Promise.all([flips(ours, path, bits, step), second.flips(theirs, path, bits, step)])
    const tried = Math.ceil(bits / step)
    assert.deepEqual([mine.length, other.length], [tried, tried])
    const differing = mine.flatMap((outcome, bit) => (outcome === other[bit] ? [] : [`${path} bit ${bit * step}: ${outcome} and ${other[bit]}`]))
    assert.deepEqual(differing.slice(0, 10), [])
    for (const outcome of mine) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  assert.equal(outcomes.get('A'), undefined)
  const all = [...outcomes.values()].reduce((sum, count) => sum + count, 0)
  const seconds = (performance.now() - started) / 1000
  console.log(`${all} flips${WHOLE ? '' : ' (the longest two files by every seventh bit)'} of ${paths.length} files, each refused by both: ${[...outcomes].map((one) => one.join(' ')).join(', ')}; ${seconds.toFixed(0)} s`)
})
