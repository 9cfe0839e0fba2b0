import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * An empty folder for one build, beside the content store: on its disk, since layers are too large for a /tmp in memory.
 * Folders of builds that ended without clearing up (a crash, a power cut) are removed first.
 */
export async function scratchIn(store: string): Promise<string> {
  const work = join(store, 'work')
  await mkdir(work, { recursive: true })
  for (const name of await readdir(work)) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1])
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(work, name), { recursive: true, force: true })
  }
  return mkdtemp(join(work, `${process.pid}-`))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
