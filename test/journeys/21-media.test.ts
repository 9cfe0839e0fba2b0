import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sallyport, succeed, type Ended } from '../../src/demo/sallyport.ts'
import { writeImage } from '../../src/media/image.ts'
import { at, passphraseFile, publisher, sign, signedBundle } from './shared/workshop.ts'

/** `hello` with its installer: 130 MB that fill four volumes of this size, and a spare. */
const MEDIA = 'usb:22M'

const filesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(directory.length + 1), createHash('sha512').update(readFileSync(path)).digest('hex')]),
  )

async function pack(bundle: string, label: string, more: readonly string[] = ['--media', MEDIA, '--parity', '10%']): Promise<{ out: string; ended: Ended }> {
  const out = at(label)
  rmSync(out, { recursive: true, force: true })
  const ended = await succeed(['pack', bundle, ...more, '--key', (await publisher()).key.directory, '--passphrase-file', await passphraseFile(), '-o', out])
  return { out, ended }
}

async function take(volumes: readonly string[], store: string): Promise<Ended> {
  return sallyport(['import', ...volumes, '--store', at(store), '--policy', (await publisher()).policy])
}

function fresh(...labels: string[]): string[] {
  for (const label of labels) rmSync(at(label), { recursive: true, force: true })
  return labels.map((label) => at(label))
}

/** A scratch: bytes of a file that read as zeros from now on, at several places. */
function scratch(file: string, places: readonly number[], length: number): void {
  const handle = openSync(file, 'r+')
  for (const place of places) writeSync(handle, Buffer.alloc(length), 0, length, place)
  closeSync(handle)
}

let five: Promise<string> | undefined
const set = (): Promise<string> => (five ??= signedBundle('bundles/hello', 'hello').then(async (bundle) => (await pack(bundle, 'media-set')).out))

test('hello becomes four volumes and a spare; each is checked alone by sallyport, sha512sum and openssl', async () => {
  const out = await set()
  const { policy, key } = await publisher()
  const names = readdirSync(out).toSorted()
  assert.deepEqual(names, ['VOLUME-1', 'VOLUME-2', 'VOLUME-3', 'VOLUME-4', 'VOLUME-5'])
  for (const name of names) {
    const volume = join(out, name)
    await succeed(['verify', volume, '--policy', policy])
    execFileSync('sha512sum', ['--check', '--quiet', '--strict', 'SHA512SUMS'], { cwd: volume })
    const holds = execFileSync('openssl', ['dgst', '-sha384', '-verify', join(key.publicDirectory, 'public.p384.pem'), '-signature', `signatures/${key.keyId}.p384.sig`, 'volume.json'], { cwd: volume, encoding: 'utf8' })
    assert.match(holds, /Verified OK/)
    const size = Object.keys(filesOf(volume)).reduce((sum, path) => sum + statSync(join(volume, path)).size, 0)
    assert.ok(size <= 22_000_000, `${name} has ${size} bytes`)
    const tool = readdirSync(join(volume, 'repair')).reduce((sum, path) => sum + statSync(join(volume, 'repair', path)).size, 0)
    assert.ok(tool < 8_000_000, `what repairs has ${tool} bytes`)
  }
})

test('of five volumes one is lost and another scratched: repaired, rebuilt, imported, and the bundle is the one that was packed', async () => {
  const out = await set()
  const { policy } = await publisher()
  const [scratched = '', repaired = '', rebuilt = ''] = fresh('media-scratched', 'media-repaired', 'media-rebuilt', 'media-store')
  const [one, , three, four, spare] = [1, 2, 3, 4, 5].map((number) => join(out, `VOLUME-${number}`)) as [string, string, string, string, string]
  cpSync(three, scratched, { recursive: true })
  scratch(join(scratched, 'PACK0001.BIN'), [100_000, 4_000_000, 9_000_000], 60_000)
  rmSync(join(scratched, 'README.TXT'))

  const first = await take([one, four], 'media-store')
  assert.equal(first.error?.code, 'E_VOLUMES_AWAITED')
  assert.equal(first.exit, 12)
  const second = await take([scratched], 'media-store')
  assert.equal(second.error?.code, 'E_VOLUME_LOST')
  assert.equal(second.exit, 6)
  assert.match(second.stderr, /PACK0001\.BIN does not read, or not as it was packed/)
  assert.match(second.stderr, /README\.TXT is missing; it was there when the volume was packed/)
  assert.match(second.stderr, /still needed from volume 2 of 4/)

  const { result } = await succeed(['repair', scratched, '-o', repaired, '--policy', policy])
  assert.equal((result as { own: boolean }).own, true, 'the program that came on the volume was not used')
  const asItWas = filesOf(three)
  assert.equal(filesOf(repaired)['PACK0001.BIN'], asItWas['PACK0001.BIN'])
  const early = await sallyport(['repair', one, scratched, four, spare, '--lost', '2', '-o', rebuilt, '--policy', policy])
  assert.equal(early.error?.code, 'E_REPAIR_LOST')
  rmSync(rebuilt, { recursive: true, force: true })
  await succeed(['repair', one, repaired, four, spare, '--lost', '2', '-o', rebuilt, '--policy', policy])
  const third = await take([repaired], 'media-store')
  assert.equal(third.error?.code, 'E_VOLUMES_AWAITED')
  const done = await take([rebuilt], 'media-store')
  assert.equal(done.exit, 0, done.stderr)
  const whole = join(at('media-store'), 'hello-1.0.0')
  assert.deepEqual(filesOf(whole), filesOf(at('hello')))
  await succeed(['verify', whole, '--policy', policy, '--for', 'install'])
})

test('the program on the volume repairs it without Sallyport, by the commands of its own text', async () => {
  const out = await set()
  const [copy = '', made = ''] = fresh('media-hand', 'media-hand-made')
  cpSync(join(out, 'VOLUME-1'), copy, { recursive: true })
  scratch(join(copy, 'PACK0001.BIN'), [1_000_000], 200_000)
  const text = readFileSync(join(copy, 'repair/README.TXT'), 'utf8').replaceAll('\r\n', '\n')
  const commands = text.split('\n').filter((line) => line.startsWith('  '))
  mkdirSync(made)
  const run = spawnSync('sh', ['-ec', commands.join('\n').replaceAll('DISC', copy)], { cwd: made, encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
  execFileSync('sha512sum', ['--check', '--quiet', 'SHA512SUMS'], { cwd: join(made, 'v') })
  fresh('media-hand', 'media-hand-made')
})

test('more damage than parity covers is said, and leaves no folder behind', async () => {
  const out = await set()
  const { policy } = await publisher()
  const [copy = '', target = ''] = fresh('media-worse', 'media-worse-repaired')
  cpSync(join(out, 'VOLUME-2'), copy, { recursive: true })
  scratch(join(copy, 'PACK0001.BIN'), [0, 4_000_000], 2_500_000)
  const ended = await sallyport(['repair', copy, '-o', target, '--policy', policy])
  assert.equal(ended.error?.code, 'E_REPAIR_LOST')
  assert.equal(existsSync(target), false)
  fresh('media-worse')
})

test('a file that a scanner took away is named, from a medium that cannot be written', async () => {
  const out = await set()
  const [robbed = '', mount = ''] = fresh('media-robbed', 'media-mount', 'media-robbed-store')
  cpSync(join(out, 'VOLUME-3'), robbed, { recursive: true })
  rmSync(join(robbed, 'PACK0001.BIN'))
  const before = filesOf(robbed)
  mkdirSync(mount)
  execFileSync('mount', ['--bind', robbed, mount])
  execFileSync('mount', ['-o', 'remount,bind,ro', mount])
  try {
    const ended = await take([mount], 'media-robbed-store')
    assert.equal(ended.error?.code, 'E_VOLUME_LOST')
    assert.match(ended.stderr, /volume 3 .*PACK0001\.BIN is missing; it was there when the volume was packed: a scanner or a desk took it away/)
  } finally {
    execFileSync('umount', [mount])
  }
  assert.deepEqual(filesOf(robbed), before)
  fresh('media-robbed', 'media-robbed-store')
})

test('a delta set carries the change alone, imports over the right base, and is refused over a wrong one', async () => {
  const old = await signedBundle('bundles/hello', 'hello')
  const [definition = '', next = ''] = fresh('media-definition', 'media-next', 'media-wrong-store')
  cpSync('bundles/hello', definition, { recursive: true })
  rmSync(join(definition, 'bundle.lock.yaml'))
  cpSync('bundles/hello/bundle.lock.yaml', join(definition, 'base.lock.yaml'))
  mkdirSync(join(definition, 'next/overlay'), { recursive: true })
  cpSync('bundles/hello/bundle.lock.yaml', join(definition, 'bundle.lock.yaml'))
  writeFileSync(join(definition, 'next/overlay/greeting.txt'), 'good evening\n'.repeat(1000))
  writeFileSync(join(definition, 'next/bundle.yaml'), 'apiVersion: sallyport/v1\nextends: ..\nversion: 1.1.0\nsequence: 110\noverlay: overlay\n')
  await succeed(['build', join(definition, 'next'), '-o', next])
  await sign(next, (await publisher()).key)
  const { out, ended } = await pack(next, 'media-delta', ['--media', 'dvd', '--parity', '0%', '--since', old])
  const { packed, held } = ended.result as { packed: number; held: number }
  assert.ok(packed < 300_000, `${packed} bytes`)
  assert.ok(held > 10)
  const volume = join(out, 'VOLUME-1')

  const nowhere = await take([volume], 'media-wrong-store')
  assert.equal(nowhere.error?.code, 'E_DELTA_BASE')
  assert.equal(nowhere.exit, 10)
  assert.match(nowhere.stderr, /hello 1\.0\.0, sequence 100, sha512 [0-9a-f]{128}/)
  assert.equal(existsSync(join(at('media-store'), 'hello-1.0.0')), true, 'the journey before has to have filled the store')
  const done = await take([volume], 'media-store')
  assert.equal(done.exit, 0, done.stderr)
  assert.deepEqual(filesOf(join(at('media-store'), 'hello-1.1.0')), filesOf(next))
})

test('an image is ready to burn, holds the volume as it is, and is the same bytes twice', async () => {
  const out = await set()
  const [copy = '', read = ''] = fresh('media-image', 'media-image-read')
  mkdirSync(copy)
  const request = { label: 'HELLO_1_0_0_V1', created: '2026-11-22T12:31:30Z' }
  for (const name of ['one', 'two']) {
    cpSync(join(out, 'VOLUME-1'), join(copy, name), { recursive: true })
    await writeImage({ ...request, directory: join(copy, name), target: join(copy, `${name}.iso`) })
  }
  assert.ok(readFileSync(join(copy, 'one.iso')).equals(readFileSync(join(copy, 'two.iso'))))
  execFileSync('xorriso', ['-osirrox', 'on', '-indev', join(copy, 'one.iso'), '-extract', '/', read], { stdio: 'ignore' })
  assert.deepEqual(filesOf(read), filesOf(join(out, 'VOLUME-1')))
  execFileSync('chmod', ['-R', 'u+w', read])
  fresh('media-image', 'media-image-read')
})
