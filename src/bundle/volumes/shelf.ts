import { mkdir, opendir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { KnownBundle } from '../decide.ts'
import { readStatementBytes } from '../bundle.ts'
import { fault } from '../codes.ts'
import { blobPath } from '../layout.ts'
import type { FloorEntry } from '../policy.ts'
import { parseStatement } from '../statement.ts'
import { syncDirectory } from '../store.ts'
import type { CarriedBundle } from './listing.ts'

/** A bundle in the store: a folder that `verify` and `install` take as it is. */
export interface Shelved {
  readonly directory: string
  readonly carried: CarriedBundle
}

/** Most folders of a store that are looked at. */
const MOST = 10_000

/**
 * A store is a folder of whole bundles, and of what is on its way:
 *
 *     <store>/mesh-1.0.0/            a bundle; blobs that two bundles share are one file with two names
 *     <store>/.incoming/<digest>/    a bundle of which volumes are still missing
 */
export class Shelf {
  readonly directory: string
  readonly bundles: readonly Shelved[]

  constructor(directory: string, bundles: readonly Shelved[]) {
    this.directory = directory
    this.bundles = bundles
  }

  find(sha512: string): Shelved | undefined {
    return this.bundles.find(({ carried }) => carried.sha512 === sha512)
  }

  /** Sequences that stand for a digest from now on. */
  known(): KnownBundle[] {
    return this.bundles.map(({ carried: { kind, name, sequence, sha512 } }) => ({ kind, name, sequence, digest: sha512 }))
  }

  /** What is not installed is in force when it is here: advisories, trust and content never go back. */
  floors(): FloorEntry[] {
    return this.bundles.filter(({ carried }) => carried.kind !== 'release').map(({ carried: { kind, name, sequence } }) => ({ kind, name, sequence }))
  }

  folderOf({ kind, name, version }: CarriedBundle): string {
    return join(this.directory, kind === 'release' ? `${name}-${version}` : `${kind}-${name}-${version}`)
  }

  incoming({ sha512 }: CarriedBundle): string {
    return join(this.directory, '.incoming', sha512.slice(0, 32))
  }

  /** Gives a bundle that is whole and verified its place in the store. @throws E_BUNDLE_EXISTS */
  async adopt(work: string, carried: CarriedBundle): Promise<string> {
    const directory = this.folderOf(carried)
    await rename(join(work, 'bundle'), directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
      throw fault('E_BUNDLE_EXISTS', `${directory} is there already, with something else in it`, { next: `Move it away: mv ${directory} ${directory}.old` })
    })
    await syncDirectory(this.directory)
    await rm(work, { recursive: true, force: true })
    return directory
  }

  /** Every place where a file of this size and name stands in the store: a blob in any bundle, a plain file in `bases`. */
  async candidates(path: string, size: number, bases: readonly CarriedBundle[]): Promise<string[]> {
    const found = []
    for (const { directory, carried } of this.bundles) {
      if (!path.startsWith(blobPath('')) && !bases.some(({ sha512 }) => sha512 === carried.sha512)) continue
      const place = join(directory, path)
      if ((await stat(place).catch(() => undefined))?.size === size) found.push(place)
    }
    return found
  }
}

/** What an import that was killed leaves beside what the next one goes on with. */
const LEFTOVER = /\.(?:new|built|copy)$/

/**
 * Opens a store, making it when it is not there, and clears what an import that was killed left in it; the caller has it
 * alone. Folders that are no bundles are left as they are.
 */
export async function openShelf(directory: string): Promise<Shelf> {
  await mkdir(directory, { recursive: true })
  const bundles: Shelved[] = []
  let seen = 0
  for await (const entry of await opendir(directory)) {
    seen += 1
    if (seen > MOST || !entry.isDirectory() || entry.name.startsWith('.')) continue
    const folder = join(directory, entry.name)
    const read = await readStatementBytes(folder).catch(() => undefined)
    if (!read) continue
    try {
      const { kind, name, version, sequence } = parseStatement(read.bytes)
      bundles.push({ directory: folder, carried: { kind, name, version, sequence, sha512: read.digest } })
    } catch {
      // Not a bundle that this program knows: no base, and nothing to be held against.
    }
  }
  const shelf = new Shelf(directory, bundles.toSorted((a, b) => (a.directory < b.directory ? -1 : 1)))
  await tidy(shelf)
  return shelf
}

async function tidy(shelf: Shelf): Promise<void> {
  // A bundle that is on the shelf needs no folder to grow in.
  for (const { carried } of shelf.bundles) await rm(shelf.incoming(carried), { recursive: true, force: true })
  const incoming = join(shelf.directory, '.incoming')
  for (const work of await readdir(incoming).catch(() => [])) {
    const parts = join(incoming, work, 'parts')
    for (const name of await readdir(parts).catch(() => [])) if (LEFTOVER.test(name)) await rm(join(parts, name), { force: true })
  }
}
