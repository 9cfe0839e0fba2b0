import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { verifyVolume } from '../../src/bundle/volumes/verify.ts'
import { par2Protection } from '../../src/media/parity.ts'
import { repairVolume } from '../../src/media/repair.ts'
import { NOW } from '../unit/bundle-fixture.ts'
import { snapshot, workplace } from '../unit/volumes-fixture.ts'

const DISC = new URL('scratched-disc.ts', import.meta.url).pathname

/** Runs `work` on a folder as a drive reads it whose disc is scratched: reads of some bytes end with EIO, by the kernel. */
async function scratched(folder: string, mount: string, scratches: Readonly<Record<string, readonly (readonly [number, number])[] | '*'>>, work: (disc: string) => Promise<void>): Promise<void> {
  await mkdir(mount)
  const server = spawn(process.execPath, [DISC, folder, mount, JSON.stringify(scratches)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  try {
    assert.equal(String((await once(server.stdout, 'data'))[0]), 'mounted\n')
    await work(mount)
  } finally {
    spawnSync('umount', [mount])
    server.kill()
    await ended
  }
}

async function refused(promise: Promise<unknown>): Promise<Fault & { readonly lines: string }> {
  const error: unknown = await promise.then(() => assert.fail('it was not refused'), (reason: unknown) => reason)
  if (!(error instanceof Fault)) throw error
  return Object.assign(error, { lines: (error.detail.faults ?? []).join('\n') })
}

test('a scratched disc: what does not read is named with its file and volume, the others go in, and repair gives it back', async (t) => {
  const { pack, take, directory, bundle, policy } = await workplace(t)
  const media = { name: 'test', capacity: 26_000_000, optical: false, archive: false }
  const { paths } = await pack('set', { media, protection: await par2Protection(10) })
  assert.equal(paths.length, 4)
  const [one = '', two = '', three = ''] = paths
  const trust = { policy, now: NOW }
  const places = [[5_000_000, 5_040_000], [9_000_000, 9_000_001]] as const
  await scratched(two, join(directory, 'disc'), { 'PACK0001.BIN': places, 'contents.json': '*', 'README.TXT': '*' }, async (disc) => {
    const checked = await refused(verifyVolume(disc, trust))
    assert.equal(checked.code, 'E_FILE_UNREADABLE')
    for (const file of ['PACK0001.BIN', 'contents.json', 'README.TXT']) assert.match(checked.lines, new RegExp(`E_FILE_UNREADABLE: ${file} does not read at byte \\d+`))
    const taken = await refused(take([disc, one, three]))
    assert.equal(taken.code, 'E_VOLUME_LOST')
    assert.match(taken.lines, new RegExp(`^volume 2 \\(${disc}\\): PACK0001\\.BIN does not read, or not as it was packed, in 2 of \\d+ segments; at byte \\d+ EIO`, 'm'))
    assert.match(taken.lines, /^still needed from volume 2 of 3: /m)
    assert.doesNotMatch(taken.lines, /volume [13] /)

    const repaired = await repairVolume(disc, join(directory, 'repaired'), trust)
    assert.deepEqual([...repaired.damaged].toSorted(), ['PACK0001.BIN', 'README.TXT', 'contents.json'])
    assert.equal(repaired.own, true)
    // Blocks of 64 KiB around what does not read.
    assert.ok(repaired.unread >= 40_001 && repaired.unread < 1_000_000, String(repaired.unread))
    assert.equal((await snapshot(join(directory, 'repaired')))['PACK0001.BIN'], (await snapshot(two))['PACK0001.BIN'])
  })
  assert.deepEqual(await snapshot((await take([join(directory, 'repaired')])).directory), await snapshot(bundle))
})

test('a disc whose listing does not read stops no other, and is named', async (t) => {
  const { pack, take, directory, bundle } = await workplace(t)
  const { paths } = await pack('set')
  const [one = '', two = '', three = ''] = paths
  await scratched(one, join(directory, 'disc'), { 'volume.json': '*' }, async (disc) => {
    const taken = await refused(take([disc, two, three]))
    assert.equal(taken.code, 'E_VOLUME_LOST')
    assert.match(taken.lines, new RegExp(`reading volume\\.json of ${disc}: EIO`))
    assert.match(taken.lines, /still needed from volume 1 of 3/)
    assert.equal((await refused(take([disc]))).code, 'E_FILE_UNREADABLE')
  })
  assert.deepEqual(await snapshot((await take([one])).directory), await snapshot(bundle))
})
