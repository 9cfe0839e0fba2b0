/**
 * Verification against `sha512sum -c` on the same files, start of the program included.
 *
 *     node test/bench/verify.ts [MB] [RUNS]        default 1000 MB, 5 runs of each, alternating; prints JSON
 *
 * Files are of mixed sizes as in the mesh bundle: one of a third of the whole, image layers, many packages. They are in
 * the page cache for both.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { newKey } from '../../src/bundle/keys.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'

const megabytes = Number(process.argv[2] ?? 1000)
const runs = Number(process.argv[3] ?? 5)
const marking = {
  policy: 'urn:sallyport:label-policy:demo',
  policyVersion: '1',
  level: 'UNCLASSIFIED',
  categories: [],
  releasability: [],
}

/** Sizes in bytes: a third in one file, a third in layers of a sixteenth, the rest in packages of 0.2 to 1.5 MB. */
function sizes(): number[] {
  const third = Math.floor((megabytes * 1e6) / 3)
  const all = [third, ...Array.from({ length: 5 }, () => Math.floor(third / 5))]
  for (let rest = third, index = 0; rest > 0; index++) {
    const size = Math.min(rest, 200_000 + ((index * 7919 * 131) % 1_300_000))
    all.push(size)
    rest -= size
  }
  return all
}

/** Bytes that no two files share, cheap to make. */
function* content(seed: number, size: number): Generator<Buffer> {
  const block = Buffer.concat(
    Array.from({ length: 1024 }, (_, index) => createHash('sha512').update(`${seed} ${index}`).digest()),
  )
  for (let rest = size; rest > 0; rest -= block.byteLength) {
    block.writeUInt32LE(rest >>> 0)
    yield Buffer.from(block.subarray(0, Math.min(rest, block.byteLength)))
  }
}

interface Timed {
  readonly seconds: number
  readonly peakMegabytes: number
}

async function timed(command: string, words: readonly string[], cwd: string): Promise<Timed> {
  const started = performance.now()
  const child = spawn('/usr/bin/env', [command, ...words], { cwd, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  let peak = 0
  child.on('message', (message) => (peak = Number(message)))
  const code = await new Promise<number | null>((resolve, reject) => child.on('exit', resolve).on('error', reject))
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return { seconds: (performance.now() - started) / 1000, peakMegabytes: peak / 1024 }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

const directory = await mkdtemp(join(tmpdir(), 'bench-verify-'))
try {
  const store = new ContentStore(join(directory, 'store'))
  const entries = []
  for (const [index, size] of sizes().entries()) {
    const { sha256 } = await store.put(Readable.from(content(index, size)))
    entries.push({ path: `file-${index}`, sha256, size })
  }
  const bundle = join(directory, 'bundle')
  await writeBundle(bundle, {
    fields: {
      kind: 'release',
      name: 'bench',
      version: '1.0.0',
      sequence: 1,
      created: '2026-11-22T00:00:00Z',
      marking,
      targets: [],
      upgradesFrom: [],
    },
    store,
    images: [],
    mirrors: [{ name: 'files', ecosystem: 'file', entries }],
    iac: [],
    docs: [],
    evidence: [],
    installer: null,
  })
  await rm(store.directory, { recursive: true })
  const [root, alice] = [await newKey('Root', 'root'), await newKey('Alice', 'publisher')]
  await signBundle(bundle, alice)
  const created = new Date(Date.now() - 86_400_000).toISOString().replace(/\.\d+/, '')
  const payload = draftPolicy({
    site: 'bench',
    created,
    expires: '2099-01-01T00:00:00Z',
    keys: [
      { key: root, names: [] },
      { key: alice, names: ['bench'] },
    ],
    ceiling: {
      policy: marking.policy,
      policyVersion: '1',
      levels: ['UNCLASSIFIED'],
      level: 'UNCLASSIFIED',
      categories: [],
    },
  })
  const policy = join(directory, 'policy.json')
  await writeFile(policy, signPolicy(payload, [root]))
  const ours: Timed[] = []
  const theirs: Timed[] = []
  for (let run = 0; run < runs; run++) {
    theirs.push(await timed('sha512sum', ['--check', '--quiet', 'SHA512SUMS'], bundle))
    ours.push(await timed(process.execPath, [join(import.meta.dirname, 'verify-once.ts'), bundle, policy], directory))
  }
  const seconds = {
    verify: median(ours.map((one) => one.seconds)),
    sha512sum: median(theirs.map((one) => one.seconds)),
  }
  const report = {
    megabytes,
    files: entries.length,
    runs,
    seconds,
    timesAsFast: seconds.sha512sum / seconds.verify,
    peakMegabytes: Math.max(...ours.map((one) => one.peakMegabytes)),
    all: { verify: ours.map((one) => one.seconds), sha512sum: theirs.map((one) => one.seconds) },
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
} finally {
  await rm(directory, { recursive: true, force: true })
}
