/**
 * Packing and importing against `tar | zstd -3` on the same bytes: time, size, and peak memory of each process.
 *
 *     node test/bench/pack.ts BUNDLE KEY PASSPHRASE-FILE POLICY [BASE]     prints JSON
 *
 * BUNDLE is signed. Parity is left out: it is a program of its own and `tar | zstd` makes none.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const [bundle = '', key = '', passphrase = '', policy = '', base] = process.argv.slice(2).map((path) => resolve(path))
const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname

async function timed(program: string, words: readonly string[]): Promise<{ seconds: number; peakMegabytes: number }> {
  const started = performance.now()
  const child = spawn('/usr/bin/time', ['-f', '%M', program, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const code = await new Promise((done, fail) => child.on('close', done).on('error', fail))
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}\n${text}`)
  return { seconds: (performance.now() - started) / 1000, peakMegabytes: Number(text.trim().split('\n').at(-1)) / 1024 }
}

async function sizeOf(path: string): Promise<number> {
  const state = await stat(path)
  if (!state.isDirectory()) return state.size
  let size = 0
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) if (entry.isFile()) size += (await stat(join(entry.parentPath, entry.name))).size
  return size
}

const directory = await mkdtemp(join(tmpdir(), 'bench-pack-'))
try {
  const ours = (words: readonly string[]) => timed(process.execPath, [MAIN, ...words])
  const pack = (out: string, more: readonly string[] = []) =>
    ours(['pack', bundle, '--media', 'bd50', '--parity', '0%', '--spare', '0', '--key', key, '--passphrase-file', passphrase, '-o', join(directory, out), ...more])
  const archive = join(directory, 'plain.tar.zst')
  const plain = await timed('sh', ['-c', `tar -C ${bundle} -c . | zstd -3 -q -o ${archive}`])
  const create = await pack('set')
  const load = await ours(['import', join(directory, 'set/VOLUME-1'), '--store', join(directory, 'store'), '--policy', policy])
  const delta = base === undefined ? undefined : { ...(await pack('delta', ['--since', base])), bytes: await sizeOf(join(directory, 'delta/VOLUME-1')) }
  const report = {
    bundleBytes: await sizeOf(bundle),
    plain: { ...plain, bytes: await sizeOf(archive) },
    create: { ...create, bytes: await sizeOf(join(directory, 'set')) },
    load: { ...load, bytes: await sizeOf(join(directory, 'store')) },
    ...(delta ? { delta } : {}),
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
} finally {
  await rm(directory, { recursive: true, force: true })
}
