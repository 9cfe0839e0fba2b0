import { link, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { LAYOUT } from '../bundle/layout.ts'

const LEFT_OUT: readonly string[] = [LAYOUT.signatures, LAYOUT.approvals]

/**
 * The bundle under another name, as hard links, without its signatures: a disposable organisation signs it there with a
 * key that never reaches a disk, and the bundle itself stays as it was. `to` lies on the same file system.
 */
export async function viewOf(bundle: string, to: string): Promise<string> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(bundle, { recursive: true, withFileTypes: true })) {
    const path = join(relative(bundle, entry.parentPath), entry.name)
    if (LEFT_OUT.includes(path.split('/')[0] ?? '') || !entry.isFile()) continue
    await mkdir(dirname(join(to, path)), { recursive: true })
    await link(join(bundle, path), join(to, path))
  }
  return to
}
