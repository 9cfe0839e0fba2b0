import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { OnProgress } from '../../bundle/fault.ts'
import { LIMITS } from '../../bundle/layout.ts'
import type { Statement } from '../../bundle/statement.ts'
import type { ContentStore } from '../../bundle/store.ts'
import { parseTree } from '../../bundle/tree.ts'
import { fault } from '../codes.ts'
import { syncFolder } from '../journal/durable.ts'
import { releaseId, type HostPaths } from '../paths.ts'
import { imageFiles, mediaTypeMap, type ServedFile } from './oci.ts'

/** Where the tree of an ecosystem stands in a release: `https://depot…/apt/`. */
const FOLDERS: Readonly<Record<string, string>> = { file: 'files' }
export const folderOf = (ecosystem: string): string => FOLDERS[ecosystem] ?? ecosystem

interface Placed {
  readonly path: string
  readonly sha256: string
  readonly executable?: boolean
}

/**
 * Lays a release out as hard links into the verified store: no copy, and nothing is unpacked by name. It appears under
 * its final name only when whole; one that is there already is kept.
 */
export async function layOutRelease(
  paths: HostPaths,
  store: ContentStore,
  statement: Statement,
  bytes: Uint8Array,
  digest: string,
  onProgress?: OnProgress,
): Promise<string> {
  const target = join(paths.releases, releaseId({ ...statement, digest }))
  if (await exists(target)) return target
  const part = `${target}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { recursive: true, mode: 0o755 })
  const served: ServedFile[] = []
  for (const image of statement.images) served.push(...(await imageFiles(store, image)))
  const files: Placed[] = served.map((file) => ({ path: `oci/${file.path}`, sha256: file.sha256 }))
  const tree = async (folder: string, sha256: string): Promise<void> => {
    for (const entry of parseTree(await store.bytes(sha256, LIMITS.tree), folder))
      files.push({ path: `${folder}/${entry.path}`, sha256: entry.sha256, executable: entry.executable === true })
  }
  for (const mirror of statement.mirrors) await tree(folderOf(mirror.ecosystem), mirror.tree.sha256)
  for (const iac of statement.iac) await tree(`iac/${iac.name}`, iac.tree.sha256)
  await place(part, files, store, onProgress)
  await writeFile(join(part, 'oci-types.map'), mediaTypeMap(served))
  await writeFile(join(part, 'bundle.json'), bytes)
  await rename(part, target)
  await syncFolder(paths.releases)
  return target
}

async function place(folder: string, files: readonly Placed[], store: ContentStore, onProgress?: OnProgress): Promise<void> {
  const taken = new Map<string, string>()
  const made = new Set<string>()
  let done = 0
  for (const { path, sha256, executable } of files) {
    const before = taken.get(path)
    if (before === sha256) continue
    if (before !== undefined)
      throw fault('E_RELEASE', `two trees of the bundle claim ${path}`, { expected: `sha256 ${before}`, found: `sha256 ${sha256}` })
    taken.set(path, sha256)
    const target = join(folder, path)
    if (!made.has(dirname(target))) {
      await mkdir(dirname(target), { recursive: true, mode: 0o755 })
      made.add(dirname(target))
    }
    if (!(await store.has(sha256))) throw fault('E_RELEASE', `the store does not hold what ${path} needs`, { expected: `sha256 ${sha256}` })
    // One inode has one mode: what must be executable is a file of its own.
    if (executable) {
      await copyFile(store.pathOf(sha256), target)
      await chmod(target, 0o555)
    } else await link(store.pathOf(sha256), target)
    done += 1
    if (done % 50 === 0) onProgress?.({ done, total: files.length, unit: 'items' })
  }
}

/** A suite of an apt mirror, and the components it really has. */
export interface Suite {
  readonly suite: string
  readonly components: readonly string[]
}

/** Suites of the release's apt mirror. */
export async function aptSuites(release: string): Promise<Suite[]> {
  const dists = join(release, 'apt/dists')
  if (!(await exists(dists))) return []
  const suites: Suite[] = []
  for (const suite of (await readdir(dists)).sort()) {
    if (!(await exists(join(dists, suite, 'InRelease')))) continue
    const entries = await readdir(join(dists, suite), { withFileTypes: true })
    const components: string[] = []
    for (const entry of entries)
      if (entry.isDirectory() && (await readdir(join(dists, suite, entry.name))).some((name) => name.startsWith('binary-'))) components.push(entry.name)
    if (components.length > 0) suites.push({ suite, components: components.sort() })
  }
  return suites
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
