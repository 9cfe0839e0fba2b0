import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LAYOUT } from '../../bundle/layout.ts'
import type { HostPaths } from '../paths.ts'
import { append, readChain } from '../journal/chain.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import { raise, readFloors, type Floors } from './floors.ts'

/**
 * What a host remembers for ever, apart from the depot's own folder: no backup and no rollback of the depot rewinds it.
 * The depot's state has a floor of its own; the higher of the two counts.
 */
export async function readMemory(paths: HostPaths): Promise<Floors> {
  return readFloors(await readIfPresent(paths.floor), paths.floor)
}

/** Raises what the host remembers; durable before it returns. */
export async function raiseMemory(paths: HostPaths, floors: Floors): Promise<void> {
  await writeDurably(paths.floor, `${JSON.stringify(raise(await readMemory(paths), floors), null, 2)}\n`)
}

/**
 * Keeps the exact bytes, signatures and approvals of a verified bundle's statement: a lost depot can be rebuilt from media and hosts,
 * and going back to a release is judged by the policy in force then.
 */
export async function keepManifest(paths: HostPaths, digest: string, directory: string): Promise<void> {
  const target = join(paths.manifests, digest)
  await mkdir(join(target, LAYOUT.signatures), { recursive: true, mode: 0o700 })
  for (const name of await signedFiles(directory)) await writeDurably(join(target, name), await readFile(join(directory, name)))
  await writeDurably(join(target, LAYOUT.statement), await readFile(join(directory, LAYOUT.statement)))
}

/** Files of signatures/ and approvals/ in a bundle or a kept manifest, by their path in it. */
export async function signedFiles(directory: string): Promise<string[]> {
  const folders = [LAYOUT.signatures, LAYOUT.approvals].map(async (folder) => {
    const names = await readdir(join(directory, folder)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    return names.map((name) => `${folder}/${name}`)
  })
  return (await Promise.all(folders)).flat()
}

/** Who brought what, when, signed by whom. */
export interface CustodyEntry {
  readonly event: 'imported' | 'committed' | 'rolled-back'
  readonly bundle: string
  readonly sequence: number
  readonly digest: string
  readonly plan: string
  readonly attempt: number
  readonly signers: readonly string[]
  /** Who approved it, and by which approval. */
  readonly approvals?: readonly string[]
  readonly policy: string
}

/** Appends an event once: a step that is repeated after an interruption finds its own entry. */
export async function recordCustody(paths: HostPaths, entry: CustodyEntry, now: () => Date): Promise<void> {
  const { entries } = await readChain<CustodyEntry>(paths.custody)
  if (entries.some((one) => one.plan === entry.plan && one.attempt === entry.attempt && one.event === entry.event)) return
  await append(paths.custody, entry, now)
}
