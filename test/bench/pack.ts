/**
 * Packing and importing against `tar | zstd -3` of the same bytes, run by turns: seconds, CPU seconds, bytes and peak
 * memory, the median of three. What is measured is the executable that a bundle carries.
 *
 *     node test/bench/pack.ts [MEGABYTES…]     default 132 1000; prints JSON
 *
 * The bytes: copies of Node's own executable, each with a head of its own, and as much again that does not shrink, as
 * packages do not. Parity comes on top and is said apart: `tar | zstd` makes none.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { execa } from 'execa'
import { ContentStore } from '../../src/bundle/store.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { buildInstaller } from '../../src/connected/images/installer.ts'
import { FIELDS, partsIn } from '../unit/bundle-fixture.ts'

const ROUNDS = 3
const MEGABYTE = 1_000_000
const PIECE = 20 * MEGABYTE

interface Run {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMegabytes: number
}

async function run(program: string, words: readonly string[]): Promise<Run> {
  const started = performance.now()
  const { stderr } = await execa('/usr/bin/time', ['-f', '%U %S %M', program, ...words], { stdout: 'ignore' })
  const seconds = (performance.now() - started) / 1000
  const [user = 0, system = 0, peak = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  return { seconds, cpuSeconds: user + system, peakMegabytes: peak / 1024 }
}

/** The middle one of each figure; the highest peak. */
function median(runs: readonly Run[]): Run {
  const middle = (of: (run: Run) => number) => Number(runs.map(of).toSorted((a, b) => a - b)[runs.length >> 1]?.toFixed(2))
  return { seconds: middle((one) => one.seconds), cpuSeconds: middle((one) => one.cpuSeconds), peakMegabytes: Math.round(Math.max(...runs.map((one) => one.peakMegabytes))) }
}

async function sizeOf(path: string): Promise<number> {
  const state = await stat(path)
  if (!state.isDirectory()) return state.size
  let size = 0
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) if (entry.isFile()) size += (await stat(join(entry.parentPath, entry.name))).size
  return size
}

function* noise(seed: string, size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += 1 << 16) {
    const blocks = Array.from({ length: 1024 }, (_, index) => createHash('sha512').update(`${seed} ${at} ${index}`).digest())
    yield Buffer.concat(blocks).subarray(0, Math.min(1 << 16, size - at))
  }
}

async function* headed(head: string, file: string): AsyncGenerator<Buffer> {
  yield Buffer.from(head)
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) yield chunk as Buffer
}

/** A bundle of `megabytes` at `directory`; the store it is made from is gone then. */
async function bundleOf(megabytes: number, directory: string, installer: string): Promise<void> {
  const parts = await partsIn(`${directory}-parts`)
  const store = parts.store
  const entries = []
  const { size: program } = await stat(installer)
  let rest = megabytes * MEGABYTE - program
  for (let number = 0; rest > 0; number += 1) {
    const copy = number % 8 === 7 && rest > program
    const size = Math.min(rest, PIECE)
    const { sha256, ...blob } = await store.put(copy ? Readable.from(headed(`copy ${number}`, installer)) : Readable.from(noise(`piece ${number}`, size)))
    entries.push({ path: `file-${number}`, sha256, size: blob.size })
    rest -= blob.size
  }
  await writeBundle(directory, { ...parts, installer, mirrors: [...parts.mirrors, { name: 'files', ecosystem: 'file', entries }], fields: { ...FIELDS, name: 'bench' } })
  await rm(`${directory}-parts`, { recursive: true })
}

const directory = await mkdtemp(join(tmpdir(), 'bench-pack-'))
const at = (name: string) => join(directory, name)
try {
  const made = new ContentStore(at('made'))
  const { blob: { sha256 } } = await buildInstaller({ store: made, scratch: directory })
  const program = made.pathOf(sha256)
  await chmod(program, 0o755)
  await writeFile(at('passphrase'), 'several words of your own', { mode: 0o600 })
  const words = ['--passphrase-file', at('passphrase')]
  const ours = (...more: readonly string[]) => run(program, more)
  await ours('keys', 'new', '--person', 'Rita Root', '--role', 'root', '-o', at('rita'), ...words)
  await ours('keys', 'new', '--person', 'Alice Example', '--role', 'publisher', '-o', at('alice'), ...words)
  await ours('policy', 'new', '-o', at('policy'), '--site', 'bench', '--root', at('rita'), '--publisher', at('alice.public'), '--names', '*', '--ceiling', 'RESTRICTED', ...words)
  const pack = (bundle: string, out: string, ...more: readonly string[]) => ours('pack', bundle, '--spare', '0', '--key', at('alice'), ...words, '-o', out, ...more)
  const rounds = []
  const sizes = process.argv.slice(2).map(Number)
  for (const megabytes of sizes.length > 0 ? sizes : [132, 1000]) {
    const bundle = at('bundle')
    await bundleOf(megabytes, bundle, program)
    await ours('sign', bundle, '--key', at('alice'), ...words)
    const all: Record<'plain' | 'create' | 'load' | 'parity' | 'repair', Run[]> = { plain: [], create: [], load: [], parity: [], repair: [] }
    const bytes: Record<string, number> = {}
    for (let round = 0; round < (megabytes > 5000 ? 1 : ROUNDS); round += 1) {
      all.plain.push(await run('sh', ['-c', `tar -C ${bundle} -c . | zstd -3 -q -f -o ${at('plain')}`]))
      bytes['plain'] = await sizeOf(at('plain'))
      await rm(at('plain'))
      all.create.push(await pack(bundle, at('set'), '--media', 'usb:64G', '--parity', '0%'))
      bytes['set'] = await sizeOf(at('set'))
      all.load.push(await ours('import', at('set/VOLUME-1'), '--store', at('store'), '--policy', at('policy')))
      bytes['store'] = await sizeOf(at('store'))
      for (const name of ['set', 'store']) await rm(at(name), { recursive: true })
      if (megabytes > 5000) continue
      all.parity.push(await pack(bundle, at('set'), '--media', 'usb:64G', '--parity', '10%'))
      await writeFile(at('set/VOLUME-1/contents.json'), 'x')
      all.repair.push(await ours('repair', at('set/VOLUME-1'), '-o', at('repaired'), '--policy', at('policy')))
      for (const name of ['set', 'repaired']) await rm(at(name), { recursive: true })
    }
    const figures = Object.fromEntries(Object.entries(all).flatMap(([name, runs]) => (runs.length > 0 ? [[name, median(runs)]] : [])))
    const ratio = (name: string, of: keyof Run) => Number(((figures[name]?.[of] ?? 0) / (figures['plain']?.[of] ?? 1)).toFixed(2))
    rounds.push({ megabytes, bytes: { bundle: await sizeOf(bundle), ...bytes }, ...figures, createAgainstPlain: { seconds: ratio('create', 'seconds'), cpuSeconds: ratio('create', 'cpuSeconds') } })
    await rm(bundle, { recursive: true })
  }
  await mkdir(at('tiny-parts'))
  const tiny = await partsIn(at('tiny-parts'))
  await writeBundle(at('tiny'), { ...tiny, fields: { ...FIELDS, name: 'bench' } })
  await ours('sign', at('tiny'), '--key', at('alice'), ...words)
  const start = median([await pack(at('tiny'), at('one'), '--media', 'usb:64G', '--parity', '0%'), await pack(at('tiny'), at('two'), '--media', 'usb:64G', '--parity', '0%'), await pack(at('tiny'), at('three'), '--media', 'usb:64G', '--parity', '0%')])
  process.stdout.write(`${JSON.stringify({ cores: availableParallelism(), startAndKeyOfCreate: start, rounds }, null, 2)}\n`)
} finally {
  await rm(directory, { recursive: true, force: true })
}
