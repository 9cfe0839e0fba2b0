import { randomBytes } from 'node:crypto'
import { mkdir, readlink, rename, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'

/** Makes one release the one that is served: a single rename, so a client sees the old one or the new one, never both. */
export async function switchCurrent(paths: HostPaths, id: string): Promise<void> {
  await mkdir(paths.depot, { recursive: true, mode: 0o755 })
  const temporary = `${paths.current}.${randomBytes(6).toString('hex')}`
  await symlink(join('releases', id), temporary)
  await rename(temporary, paths.current)
  await syncFolder(dirname(paths.current))
}

/** Id of the release that is served. */
export async function currentRelease(paths: HostPaths): Promise<string | undefined> {
  return readlink(paths.current).then(basename, () => undefined)
}
