import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signBundle } from '../../src/bundle/verify.ts'
import { readBase } from '../../src/bundle/volumes/base.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { parseMedia } from '../../src/bundle/volumes/media.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { FIELDS, NOW, partsIn, people, policyOf, temporary } from './bundle-fixture.ts'
import { ImageBench } from './images-fixture.ts'
import { noise, snapshot } from './volumes-fixture.ts'

const FILES = 200

/** Files of a package; in `round` 1 every tenth has other bytes, another length, and one is new. */
function filesOf(round: number): Record<string, string> {
  const files: Record<string, string> = { 'usr/lib/os-release': `ID=debian\nROUND=${round}\n` }
  for (let number = 0; number < FILES; number += 1) {
    const changed = round === 1 && number % 10 === 3
    files[`usr/lib/part-${number % 20}/file-${number}`] = noise(`file ${number} ${changed}`, 500 + ((number * 7919) % 30_000) + (changed ? 333 : 0)).toString('base64')
  }
  if (round === 1) files['usr/lib/part-3/a-new-one'] = 'new\n'
  return files
}

test('an image that the builder made again from packages with a tenth of their files changed costs at most a fifth of its size', async (t) => {
  const directory = await temporary(t)
  const bench = new ImageBench()
  t.after(() => rmSync(bench.folder, { recursive: true }))
  const { root, alice } = await people()
  const parts = await partsIn(directory)
  bench.write('app.yaml', 'image: app\nlayers:\n  - name: app\n    apt: [app]\n')
  const releases = []
  for (const round of [0, 1]) {
    bench.package('app', filesOf(round))
    const { manifest, blobs } = await bench.build('app.yaml', parts.store)
    const version = `1.${round}.0`
    const images = [{ name: 'app', reference: `localhost/app:${version}`, manifest }]
    const { directory: bundle } = await writeBundle(join(directory, version), { ...parts, images, fields: { ...FIELDS, version, sequence: 100 + round * 10 } })
    await signBundle(bundle, alice)
    releases.push({ bundle, size: blobs.reduce((sum, blob) => sum + blob.size, 0) })
  }
  const [old, fresh] = releases
  assert.ok(old && fresh && fresh.size > 3_500_000)
  const pack = async (bundle: string, name: string, since: readonly string[]) => {
    const out = join(directory, name)
    const bases = await Promise.all(since.map(readBase))
    return { ...(await packVolumes(bundle, out, { media: parseMedia('usb:50M'), protection: undefined, spares: 0, bases, key: alice })), path: join(out, 'VOLUME-1') }
  }
  const whole = await pack(fresh.bundle, 'whole', [])
  const delta = await pack(fresh.bundle, 'delta', [old.bundle])
  console.log(`    image of ${fresh.size} bytes: ${whole.packed} as a whole, ${delta.packed} as a delta (${((100 * delta.packed) / fresh.size).toFixed(1)} %)`)
  assert.equal(delta.deltas, 1)
  assert.ok(delta.packed <= fresh.size / 5, `${delta.packed} bytes for an image of ${fresh.size}`)
  const store = join(directory, 'shelf')
  const take = async (path: string) => importVolumes([path], { store, policy: policyOf({ root, keys: [alice] }), now: NOW })
  await take((await pack(old.bundle, 'first', [])).path)
  assert.deepEqual(await snapshot((await take(delta.path)).directory), await snapshot(fresh.bundle))
})
