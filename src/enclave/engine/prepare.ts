import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { hashFiles } from '../../bundle/hash-pool.ts'
import { LAYOUT } from '../../bundle/layout.ts'
import { plainPathFault } from '../../bundle/path.ts'
import { fault } from '../codes.ts'
import type { HostPaths } from '../paths.ts'

/** A file that the station would send. */
export interface Offered {
  readonly path: string
  readonly sha512: string
  readonly size: number
}

/**
 * Makes `incoming/<digest>` ready and answers which files have still to come. What the store, an earlier upload or the
 * installed program hold with the right digest is linked, so that an upgrade sends only what is new; import reads every
 * byte again.
 */
export async function prepareIncoming(paths: HostPaths, digest: string, files: readonly Offered[]): Promise<string[]> {
  const faults = files.flatMap(({ path }) => plainPathFault(path) ?? []).concat(/^[0-9a-f]{128}$/.test(digest) ? [] : ['digest'])
  if (faults.length > 0) throw fault('E_HOST_COMMAND', 'the list of files cannot be taken', { faults })
  const folder = join(paths.incoming, digest)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const other of await readdir(paths.incoming)) if (other !== digest) await rm(join(paths.incoming, other), { recursive: true, force: true })
  for (const parent of new Set(files.map(({ path }) => dirname(path)))) await mkdir(join(folder, parent), { recursive: true, mode: 0o700 })
  const jobs = []
  for (const file of files) {
    const target = join(folder, file.path)
    for (const path of [target, ...elsewhere(paths, file)]) {
      const found = await stat(path).catch(() => undefined)
      if (found?.isFile() && found.size === file.size) jobs.push({ path, file, target, size: file.size })
    }
  }
  const there = new Set<string>()
  await hashFiles(jobs, {}, async ({ job, result }) => {
    if (result.error || result.sha512 !== job.file.sha512 || there.has(job.file.path)) return
    there.add(job.file.path)
    if (job.path === job.target) return
    const temporary = `${job.target}.link`
    await rm(temporary, { force: true })
    await link(job.path, temporary)
    await rename(temporary, job.target)
    // POSIX rename does nothing when both names are already one file, as after an upload that was prepared before.
    await rm(temporary, { force: true })
  })
  await removeOthers(folder, there)
  return files.map(({ path }) => path).filter((path) => !there.has(path))
}

/** Whatever an earlier attempt left that is not one of the files that stay. */
async function removeOthers(folder: string, stay: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = relative(folder, join(entry.parentPath, entry.name))
    if (!entry.isDirectory() && !stay.has(path)) await rm(join(folder, path), { force: true })
  }
}

function elsewhere(paths: HostPaths, { path, sha512 }: Offered): string[] {
  if (path === LAYOUT.installer) return [join(paths.binary, `sallyport-${sha512.slice(0, 16)}`)]
  return path.startsWith(`${LAYOUT.blobs}/`) ? [join(paths.store, path)] : []
}
