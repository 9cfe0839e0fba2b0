import { readFile, writeFile } from 'node:fs/promises'
import { fault } from './codes.ts'

/** How many programs of one user may watch files. Hosts of a lab are one kernel, and their users are the same users to it. */
const WATCHES = '/proc/sys/fs/inotify/max_user_instances'

/** Some twenty for each host's proxy, and several labs at once. */
export const WATCHES_WANTED = 4096

/**
 * Hosts share this machine's kernel and cannot raise its limits themselves: the lab does, and says so. It never lowers
 * one, and leaves it raised. Throws E_LAB_MACHINE.
 */
export async function raiseLimits(say: (line: string) => void, file = WATCHES): Promise<void> {
  const now = Number(await readFile(file, 'utf8'))
  if (now >= WATCHES_WANTED) return
  await writeFile(file, `${WATCHES_WANTED}\n`).catch((cause: unknown) => {
    throw fault('E_LAB_MACHINE', 'a limit of this machine is too low for lab hosts, and cannot be raised', {
      expected: `fs.inotify.max_user_instances of ${WATCHES_WANTED} or more`,
      found: `${now}; ${String(cause)}`,
      next: `sysctl fs.inotify.max_user_instances=${WATCHES_WANTED}`,
      cause,
    })
  })
  say(`raised fs.inotify.max_user_instances of this machine from ${now} to ${WATCHES_WANTED}`)
}
