import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PrivateKey } from '../../src/bundle/keys.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { packVolumes, type PackOptions, type PackedSet } from '../../src/bundle/volumes/pack.ts'
import type { BundleParts } from '../../src/bundle/write.ts'
import { NOW, bundleIn, partsIn, people, policyOf, temporary } from './bundle-fixture.ts'

/** Bytes that do not shrink, the same for the same seed. */
export function noise(seed: string, size: number): Buffer {
  const blocks = []
  for (let at = 0; at < size; at += 64) blocks.push(createHash('sha512').update(`${seed} ${at}`).digest())
  return Buffer.concat(blocks).subarray(0, size)
}

/** Bytes that shrink to about a third, the same for the same seed. */
export function text(seed: string, size: number): Buffer {
  return Buffer.from(noise(seed, size >> 1).toString('hex')).subarray(0, size)
}

export interface Workplace {
  readonly directory: string
  readonly policy: Policy
  readonly alice: PrivateKey
  readonly bundle: string
  readonly digest: string
  readonly parts: BundleParts
  /** Packs the bundle to `<directory>/<name>`. */
  pack(name: string, options?: Partial<PackOptions>): Promise<PackedSet & { readonly paths: readonly string[] }>
  /** Imports into `<directory>/<store>`. */
  take(paths: readonly string[], store?: string): ReturnType<typeof importVolumes>
}

export const CAPACITY = 17_000_000

/** A bundle of 35 MB: a file over three volumes, others of many sizes, the usual small ones. */
export async function workplace(t: TestContext, files: Readonly<Record<string, Buffer>> = FILES): Promise<Workplace> {
  const directory = await temporary(t)
  const { root, alice } = await people()
  const parts = await partsIn(directory)
  const entries = []
  for (const [path, bytes] of Object.entries(files)) {
    const { sha256, size } = await parts.store.put(bytes)
    entries.push({ path, sha256, size })
  }
  const whole = { ...parts, mirrors: [...parts.mirrors, { name: 'files', ecosystem: 'file', entries }] }
  const { directory: bundle, digest } = await bundleIn(directory, [alice], whole)
  const policy = policyOf({ root, keys: [alice] })
  return {
    directory,
    policy,
    alice,
    bundle,
    digest,
    parts: whole,
    async pack(name, options = {}) {
      const out = join(directory, name)
      const media = { name: 'test', capacity: CAPACITY, optical: false, archive: false }
      const set = await packVolumes(bundle, out, { media, protection: undefined, spares: 1, bases: [], key: alice, ...options })
      return { ...set, paths: set.volumes.map((volume) => join(out, volume)) }
    },
    take: (paths, store = 'shelf') => importVolumes(paths, { store: join(directory, store), policy, now: NOW }),
  }
}

const FILES = {
  'big.bin': noise('big', 24_000_000),
  'text.txt': text('text', 9_000_000),
  'middle.bin': noise('middle', 3_000_001),
  empty: Buffer.alloc(0),
  ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`small/${index}`, noise(`small ${index}`, 1000 + index * 977)])),
}

/** Path → sha512 of every file below a folder. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files[path.slice(directory.length + 1)] = createHash('sha512').update(await readFile(path)).digest('hex')
  }
  return files
}

export async function copyOf(directory: string, target: string): Promise<string> {
  await mkdir(target, { recursive: true })
  await cp(directory, target, { recursive: true })
  return target
}
