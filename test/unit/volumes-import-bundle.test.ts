import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Fault } from '../../src/bundle/fault.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { importBundle } from '../../src/bundle/volumes/import-bundle.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { FIELDS, NOW, codesOf } from './bundle-fixture.ts'
import { copyOf, noise, snapshot, workplace, type Workplace } from './volumes-fixture.ts'

const FILES = { 'one.bin': noise('one', 3_000_000), 'two.bin': noise('two', 70_000), 'three.txt': Buffer.from('three\n') }
const taking = ({ directory, policy }: Workplace, store = 'shelf') => (path: string) => importBundle(path, { store: join(directory, store), policy, now: NOW })

test('the folder of a bundle is taken into a store as volumes are: read only, whole or not at all', async (t) => {
  const place = await workplace(t, FILES)
  const { bundle, directory } = place
  const take = taking(place)
  const before = await snapshot(bundle)
  await chmod(bundle, 0o555)
  const done = await take(bundle)
  await chmod(bundle, 0o755)
  assert.equal(done.directory, join(directory, 'shelf/hello-1.0.0'))
  assert.deepEqual(await snapshot(done.directory), before)
  assert.deepEqual(await snapshot(bundle), before)
  assert.equal((await stat(join(done.directory, 'sallyport'))).mode & 0o777, 0o755)
  assert.deepEqual(await readdir(join(directory, 'shelf/.incoming')), [])
  assert.match((await take(bundle)).notices.join(), /was there already and is right/)
  // A set that was packed from it finds it there too.
  assert.match((await place.take((await place.pack('set')).paths)).notices.join(), /was there already/)
})

test('a second release takes the room of its change; an older one is refused', async (t) => {
  const place = await workplace(t, FILES)
  const { directory, parts, alice } = place
  const take = taking(place)
  const first = await take(place.bundle)
  const make = async (version: string, sequence: number) => {
    const { directory: path } = await writeBundle(join(directory, version), { ...parts, fields: { ...FIELDS, version, sequence } })
    await signBundle(path, alice)
    return path
  }
  const second = await take(await make('1.1.0', 110))
  const blobs = [...second.bundle.blobs()].filter(({ size }) => size > 60_000)
  assert.equal(blobs.length, 2)
  for (const { sha256 } of blobs) assert.equal((await stat(join(second.directory, 'blobs/sha256', sha256))).ino, (await stat(join(first.directory, 'blobs/sha256', sha256))).ino)
  assert.deepEqual(await codesOf(take(await make('1.1.0-other', 110))), ['E_SEQUENCE_REUSED'])
})

test('files that cannot be had are named, all others stay, and the good copy completes them', async (t) => {
  const place = await workplace(t, FILES)
  const { bundle, directory } = place
  const take = taking(place)
  const bad = await copyOf(bundle, join(directory, 'bad'))
  const large = join(bad, 'blobs/sha256', (await readdir(join(bad, 'blobs/sha256'))).find((name) => name.length === 64) ?? '')
  const runbook = join(bad, 'docs/runbook.md')
  for (const path of [large, runbook]) {
    const bytes = await readFile(path)
    bytes[0] = (bytes[0] as number) ^ 1
    await writeFile(path, bytes)
  }
  const fault = await take(bad).then(() => assert.fail(), (error: Fault) => error)
  assert.equal(fault.code, 'E_FILE_ALTERED')
  assert.match(fault.message, /(\d+) of \d+ files are in and stay/)
  const named = (fault.detail.faults ?? []).join('\n')
  assert.match(named, /docs\/runbook\.md is not what was signed/)
  assert.ok(named.includes(large.slice(bad.length + 1)))
  const [work = ''] = await readdir(join(directory, 'shelf/.incoming'))
  const grown = join(directory, 'shelf/.incoming', work, 'bundle')
  assert.equal((await stat(join(grown, 'sallyport'))).size, (await stat(join(bundle, 'sallyport'))).size)
  // What a disk did to it since is found too.
  await writeFile(join(grown, 'sallyport'), Buffer.alloc((await stat(join(bundle, 'sallyport'))).size, 'x'))
  assert.deepEqual(await snapshot((await take(bundle)).directory), await snapshot(bundle))
})

test('two imports into one store at once: one is done, the other is told; a killed one holds nothing', async (t) => {
  const place = await workplace(t, FILES)
  const { bundle, directory, pack } = place
  const take = taking(place)
  const { paths } = await pack('set')
  const [one, two] = await Promise.allSettled([take(bundle), place.take(paths)])
  const refused = [one, two].filter((ended) => ended.status === 'rejected').map(({ reason }) => reason as Fault)
  assert.deepEqual(refused.map(({ code, exit }) => [code, exit]), [['E_STORE_BUSY', 12]])
  assert.deepEqual(await snapshot(join(directory, 'shelf/hello-1.0.0')), await snapshot(bundle))
  const lock = new URL('../../src/bundle/volumes/lock.ts', import.meta.url).pathname
  const program = `const { alone } = await import(${JSON.stringify(lock)}); await alone(process.argv[1], () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000) }))`
  const other = spawn(process.execPath, ['--input-type=module', '-e', program, join(directory, 'shelf')], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(other.stdout, 'data')
  assert.deepEqual(await codesOf(take(bundle)), ['E_STORE_BUSY'])
  await taking(place, 'other')(bundle)
  other.kill('SIGKILL')
  await once(other, 'exit')
  assert.match((await take(bundle)).notices.join(), /was there already/)
})

test('what a killed import leaves is cleared by the next one, of whatever bundle; what was begun stays', async (t) => {
  const place = await workplace(t, FILES)
  const { bundle, directory } = place
  const incoming = join(directory, 'shelf/.incoming')
  const begun = join(incoming, '0'.repeat(32))
  await mkdir(join(begun, 'parts'), { recursive: true })
  for (const name of ['a-1.built', 'a-1.new', '3.copy', 'head.new', 'a-1', 'a-1.have']) await writeFile(join(begun, 'parts', name), 'x')
  const done = await taking(place)(bundle)
  assert.deepEqual((await readdir(join(begun, 'parts'))).toSorted(), ['a-1', 'a-1.have'])
  // Killed after the bundle had its place, before its folder was gone.
  const late = join(incoming, place.digest.slice(0, 32), 'parts')
  await mkdir(late, { recursive: true })
  await writeFile(join(late, 'b-2'), 'x')
  await taking(place)(bundle)
  assert.deepEqual(await readdir(incoming), ['0'.repeat(32)])
  assert.deepEqual(await snapshot(done.directory), await snapshot(bundle))
  await rm(begun, { recursive: true })
})
