import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { writeKey } from '../../src/bundle/keys.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { CEILING, partsIn, people, temporary } from '../unit/bundle-fixture.ts'
import { noise, text } from '../unit/volumes-fixture.ts'

const ONCE = new URL('volumes-memory-once.ts', import.meta.url).pathname
/** Megabytes. What kept the bytes would grow by 280; in one run of three V8 takes a further 26 for its young objects. */
const [SMALL, LARGE] = [40, 320]
const GROWTH = 40

test('packing and importing eight times the bytes takes no more memory', async (t) => {
  const directory = await temporary(t)
  const { root, alice } = await people()
  const policy = join(directory, 'policy.json')
  const keys = [{ key: root, names: [] }, { key: alice, names: ['hello'] }]
  const dates = { created: '2026-11-22T00:00:00Z', expires: '2027-11-22T00:00:00Z' }
  await writeFile(policy, signPolicy(draftPolicy({ site: 'demo', ...dates, keys, ceiling: CEILING }), [root]))
  await writeKey(join(directory, 'alice'), alice, 'several words of your own')
  const peak = (...words: readonly string[]) => Number(execFileSync(process.execPath, [ONCE, ...words], { encoding: 'utf8' }))
  const peaks = []
  for (const megabytes of [SMALL, LARGE]) {
    const at = (name: string) => join(directory, `${name}-${megabytes}`)
    const parts = await partsIn(at('parts'))
    const entries = []
    // Half of it shrinks, as half of a real bundle does.
    for (let number = 0; number < megabytes / 20; number += 1) {
      const piece = number % 2 === 0 ? noise(`piece ${number}`, 2_000_000) : text(`piece ${number}`, 2_000_000)
      const { sha256, size } = await parts.store.put(Readable.from(Array.from({ length: 10 }, (_, index) => Buffer.concat([Buffer.from([index]), piece]))))
      entries.push({ path: `file-${number}`, sha256, size })
    }
    const { directory: bundle } = await writeBundle(at('bundle'), { ...parts, mirrors: [{ name: 'files', ecosystem: 'file', entries }] })
    await signBundle(bundle, alice)
    await rm(at('parts'), { recursive: true })
    const pack = peak('pack', bundle, at('set'), join(directory, 'alice'))
    peaks.push({ pack, load: peak('import', join(at('set'), 'VOLUME-1'), at('store'), policy) })
  }
  const [small, large] = peaks
  assert.ok(small && large)
  console.log(`    peak memory for ${SMALL} and ${LARGE} MB: pack ${small.pack} and ${large.pack} MB, import ${small.load} and ${large.load} MB`)
  assert.ok(large.pack - small.pack <= GROWTH, `pack: ${small.pack} MB, then ${large.pack} MB`)
  assert.ok(large.load - small.load <= GROWTH, `import: ${small.load} MB, then ${large.load} MB`)
})
