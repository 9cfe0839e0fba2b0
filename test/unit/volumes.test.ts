import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { newKey } from '../../src/bundle/keys.ts'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { parseMedia } from '../../src/bundle/volumes/media.ts'
import { rebuild } from '../../src/bundle/volumes/salvage.ts'
import { verifyVolume } from '../../src/bundle/volumes/verify.ts'
import { NOW, codesOf } from './bundle-fixture.ts'
import { CAPACITY, copyOf, snapshot, workplace } from './volumes-fixture.ts'

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  return promise.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => {
      if (error instanceof Fault) return error
      throw error
    },
  )
}

const lines = (fault: Fault): string => (fault.detail.faults ?? []).join('\n')

test('each volume stays below its size, verifies alone, and reads with sha512sum', async (t) => {
  const { pack, policy, bundle } = await workplace(t)
  const { paths, spares } = await pack('set')
  assert.deepEqual([paths.length, spares], [4, 1])
  for (const [index, path] of paths.entries()) {
    const { listing } = await verifyVolume(path, { policy, now: NOW })
    assert.equal(listing.volume, index + 1)
    const sizes = await Promise.all(Object.keys(await snapshot(path)).map(async (file) => (await stat(join(path, file))).size))
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) < CAPACITY)
    const checked = spawnSync('sha512sum', ['--check', '--strict', '--quiet', 'SHA512SUMS'], { cwd: path, encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stderr)
    const readme = await readFile(join(path, 'README.TXT'), 'utf8')
    for (const word of [`volume ${index + 1} of 4`, 'sha512sum -c', 'certutil', 'Get-FileHash', 'openssl', 'RESTRICTED']) assert.ok(readme.includes(word), word)
    for (const file of Object.keys(await snapshot(path))) assert.match(file, /^[A-Za-z0-9./_-]+$/)
  }
  assert.ok(bundle)
})

test('the same bundle packed twice gives the same bytes, but for signatures', async (t) => {
  const { pack, directory } = await workplace(t)
  await pack('one')
  await pack('two')
  const bytes = async (name: string) => Object.entries(await snapshot(join(directory, name))).filter(([path]) => !/signatures\/[0-9a-f]{16}/.test(path) || path.includes('/bundle/'))
  assert.deepEqual(await bytes('one'), await bytes('two'))
})

test('volumes come in any order, on several days, from media that cannot be written; the store gets the bundle', async (t) => {
  const { pack, take, bundle, directory } = await workplace(t)
  const { paths } = await pack('set')
  const before = await snapshot(join(directory, 'set'))
  for (const path of paths) await chmod(path, 0o555)
  const [one = '', two = '', three = ''] = paths
  const first = await faultOf(take([three]))
  assert.equal(first.code, 'E_VOLUMES_AWAITED')
  assert.equal(first.exit, 12)
  assert.match(lines(first), /^volume 1 of 3: /m)
  assert.match(lines(first), /^volume 2 of 3: /m)
  assert.doesNotMatch(lines(first), /^volume 3 of 3/m)
  const second = await faultOf(take([one]))
  assert.match(lines(second), /^volume 2 of 3: /)
  assert.equal(second.detail.expected, 'volume 2')
  const done = await take([two])
  assert.deepEqual(await snapshot(done.directory), await snapshot(bundle))
  assert.equal((await stat(join(done.directory, 'sallyport'))).mode & 0o777, 0o755)
  assert.deepEqual(await readdir(join(directory, 'shelf', '.incoming')), [])
  assert.deepEqual(await snapshot(join(directory, 'set')), before)
  for (const path of paths) await chmod(path, 0o755)
  assert.equal((await take([two])).directory, done.directory)
})

test('an import needs the room of its store and no more', async (t) => {
  const { pack, directory, policy, bundle } = await workplace(t)
  const { paths } = await pack('set')
  const { importVolumes } = await import('../../src/bundle/volumes/import.ts')
  const store = join(directory, 'shelf')
  let peak = 0
  const used = async () => {
    const { stdout } = spawnSync('du', ['-s', '--block-size=1', store], { encoding: 'utf8' })
    peak = Math.max(peak, Number(stdout.split('\t')[0]))
  }
  const whole = Number(spawnSync('du', ['-s', '--block-size=1', bundle], { encoding: 'utf8' }).stdout.split('\t')[0])
  for (const path of paths.toReversed().slice(1)) {
    let turn = 0
    await importVolumes([path], { store, policy, now: NOW, onProgress: () => void (turn++ % 4 === 0 && used()) }).catch((error: Fault) => assert.equal(error.code, 'E_VOLUMES_AWAITED'))
    await used()
  }
  assert.ok(peak > 0 && peak <= whole + 1_000_000, `${peak} bytes for a bundle of ${whole}`)
})

test('a file that a scanner took away is named; everything else comes in; the good copy completes it', async (t) => {
  const { pack, take, directory, bundle } = await workplace(t)
  const { paths } = await pack('set')
  const [one = '', two = '', three = ''] = paths
  const robbed = await copyOf(two, join(directory, 'robbed'))
  await rm(join(robbed, 'PACK0001.BIN'))
  const fault = await faultOf(take([one, robbed, three]))
  assert.equal(fault.code, 'E_VOLUME_LOST')
  assert.equal(fault.exit, 6)
  assert.match(lines(fault), /volume 2 .*PACK0001\.BIN is missing; it was there when the volume was packed: a scanner/)
  assert.match(lines(fault), /still needed from volume 2 of 3/)
  assert.deepEqual(await snapshot((await take([two])).directory), await snapshot(bundle))
})

test('a volume with wrong bytes, then the good one: the store is right', async (t) => {
  const { pack, take, directory, bundle, policy } = await workplace(t)
  const { paths } = await pack('set')
  const [one = '', two = '', three = ''] = paths
  const bad = await copyOf(one, join(directory, 'bad'))
  const bytes = await readFile(join(bad, 'PACK0001.BIN'))
  bytes[5_000_000] = (bytes[5_000_000] as number) ^ 1
  await writeFile(join(bad, 'PACK0001.BIN'), bytes)
  assert.deepEqual(await codesOf(verifyVolume(bad, { policy, now: NOW })), ['E_FILE_ALTERED'])
  const fault = await faultOf(take([bad, two, three]))
  assert.match(lines(fault), /PACK0001\.BIN does not read, or not as it was packed, in 1 of \d+ segments/)
  assert.deepEqual(await snapshot((await take([one])).directory), await snapshot(bundle))
})

test('what changed in the store between two days is asked for again', async (t) => {
  const { pack, take, directory, bundle } = await workplace(t)
  const { paths } = await pack('set')
  const [one = '', two = '', three = ''] = paths
  await faultOf(take([one]))
  const [work = ''] = await readdir(join(directory, 'shelf/.incoming'))
  await writeFile(join(directory, 'shelf/.incoming', work, 'bundle/README.txt'), Buffer.alloc((await stat(join(bundle, 'README.txt'))).size, 'x'))
  const fault = await faultOf(take([two, three]))
  assert.match(lines(fault), /README\.txt changed in the store/)
  assert.deepEqual(await snapshot((await take(paths.slice(0, 3))).directory), await snapshot(bundle))
})

test('a lost volume is rebuilt from the others and the spare, byte for byte', async (t) => {
  const { pack, take, directory, bundle, policy } = await workplace(t)
  const { paths } = await pack('set')
  const trust = { policy, now: NOW }
  for (const lost of [1, 2, 3]) {
    const target = join(directory, `rebuilt-${lost}`)
    const others = paths.filter((_, index) => index !== lost - 1)
    await rebuild(lost, others, target, trust)
    const [made, whole] = [await snapshot(target), await snapshot(paths[lost - 1] ?? '')]
    for (const [path, digest] of Object.entries(made)) assert.equal(digest, whole[path], path)
    assert.ok(made['PACK0001.BIN'])
    const done = await take([...others.filter((path) => !path.endsWith('-4')), target], `store-${lost}`)
    assert.deepEqual(await snapshot(done.directory), await snapshot(bundle))
  }
  assert.deepEqual(await codesOf(rebuild(1, [paths[1] ?? '', paths[3] ?? ''], join(directory, 'no'), trust)), ['E_REPAIR_LOST'])
  await truncate(join(paths[1] ?? '', 'PACK0001.BIN'), 1000)
  assert.deepEqual(await codesOf(rebuild(1, paths.slice(1), join(directory, 'no'), trust)), ['E_REPAIR_LOST'])
})

test('a listing without signature, with a stranger’s, or changed is refused before it is parsed', async (t) => {
  const { pack, take, directory, policy } = await workplace(t)
  const { paths } = await pack('set')
  const volume = await copyOf(paths[0] ?? '', join(directory, 'volume'))
  const listing = join(volume, 'volume.json')
  const bytes = await readFile(listing)
  await writeFile(listing, bytes.toString().replace('"volume": 1', '"volume": 2'))
  assert.deepEqual(await codesOf(take([volume])), ['E_SIGNATURE_INVALID'])
  await rm(join(volume, 'signatures'), { recursive: true })
  assert.deepEqual(await codesOf(take([volume])), ['E_UNSIGNED'])
  const stranger = await newKey('Mallory', 'publisher')
  await writeFile(listing, '{')
  await writeSignatures(volume, stranger.keyId, signBytes(Buffer.from('{'), stranger))
  assert.deepEqual(await codesOf(take([volume])), ['E_KEY_UNKNOWN'])
  assert.deepEqual(await codesOf(verifyVolume(volume, { policy, now: NOW })), ['E_KEY_UNKNOWN'])
  await rm(listing)
  assert.deepEqual(await codesOf(take([volume])), ['E_VOLUME_ABSENT'])
  assert.deepEqual(await readdir(join(directory, 'shelf')).catch(() => []), [])
})

test('a bundle whose signatures were stripped from the volume is refused, whatever the volume says', async (t) => {
  const { pack, take, directory } = await workplace(t)
  const { paths } = await pack('set')
  const volume = await copyOf(paths[0] ?? '', join(directory, 'volume'))
  await rm(join(volume, 'bundle/signatures'), { recursive: true })
  assert.deepEqual(await codesOf(take([volume])), ['E_UNSIGNED'])
})

test('a file more on a volume is refused by verify and never read by import', async (t) => {
  const { pack, take, directory, policy } = await workplace(t)
  const { paths } = await pack('set')
  await writeFile(join(paths[0] ?? '', 'PACK0009.BIN'), randomBytes(10))
  assert.deepEqual(await codesOf(verifyVolume(paths[0] ?? '', { policy, now: NOW })), ['E_FILE_EXTRA'])
  await take(paths.slice(0, 3))
  assert.ok((await readdir(join(directory, 'shelf'))).includes('hello-1.0.0'))
})

test('a set of another bundle does not mix in, and one volume may be an archive', async (t) => {
  const { pack, take, directory, bundle } = await workplace(t)
  const { paths } = await pack('set')
  const { paths: whole } = await pack('whole', { media: parseMedia('tar') })
  assert.equal(whole.length, 1)
  assert.deepEqual(await codesOf(take([paths[0] ?? '', whole[0] ?? ''])), ['E_VOLUME_INVALID'])
  const archive = join(directory, 'volume.tar')
  const { writeArchive } = await import('../../src/bundle/volumes/archive.ts')
  const files = await Promise.all(Object.keys(await snapshot(whole[0] ?? '')).toSorted().map(async (path) => ({ path, file: join(whole[0] ?? '', path), size: (await stat(join(whole[0] ?? '', path))).size })))
  await writeArchive(archive, files, 0)
  const listed = spawnSync('tar', ['-tf', archive], { encoding: 'utf8' })
  assert.deepEqual(listed.stdout.trim().split('\n'), files.map(({ path }) => path))
  await rename(whole[0] ?? '', `${whole[0] ?? ''}.away`)
  assert.deepEqual(await snapshot((await take([archive])).directory), await snapshot(bundle))
})

test('kinds of media are known by name, and too small a medium is said before anything is written', async (t) => {
  assert.equal(parseMedia('dvd').capacity, 4_700_372_992)
  assert.equal(parseMedia('usb:16G').capacity, 16_000_000_000)
  for (const word of ['cd', 'usb:', 'usb:16', 'bd25 ']) assert.throws(() => parseMedia(word), { code: 'E_MEDIA' })
  const { pack, directory } = await workplace(t)
  assert.deepEqual(await codesOf(pack('tiny', { media: parseMedia('usb:5M') })), ['E_MEDIA'])
  assert.equal((await readdir(directory)).some((name) => name.startsWith('tiny')), false)
})

test('advisories have their own sequence and folder: a newer one is taken, an older one or another of the same number refused', async (t) => {
  const { directory, parts, alice, policy } = await workplace(t, { 'advisories.json': Buffer.from('{}') })
  const { importVolumes } = await import('../../src/bundle/volumes/import.ts')
  const { packVolumes } = await import('../../src/bundle/volumes/pack.ts')
  const make = async (label: string, kind: 'advisory' | 'release', sequence: number) => {
    const written = await writeBundle(join(directory, label), { ...parts, images: [], iac: [], installer: null, fields: { ...parts.fields, kind, version: label, sequence } })
    await signBundle(written.directory, alice)
    await packVolumes(written.directory, join(directory, `${label}-set`), { media: parseMedia('usb:50M'), protection: undefined, spares: 1, bases: [], key: alice })
    return importVolumes([join(directory, `${label}-set`, 'VOLUME-1')], { store: join(directory, 'shelf'), policy, now: NOW })
  }
  assert.ok((await make('r5', 'release', 500)).directory.endsWith('/shelf/hello-r5'))
  assert.ok((await make('a2', 'advisory', 2)).directory.endsWith('/shelf/advisory-hello-a2'))
  await make('a3', 'advisory', 3)
  assert.deepEqual(await codesOf(make('a1', 'advisory', 1)), ['E_BELOW_FLOOR'])
  assert.deepEqual(await codesOf(make('a3-again', 'advisory', 3)), ['E_SEQUENCE_REUSED'])
})
