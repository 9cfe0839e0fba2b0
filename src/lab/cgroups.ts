import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Roots of the hierarchies that systemd-nspawn puts its groups in: the second version alone, or beside the first. With
 * --keep-unit it makes `payload` below the group it is started in, so that two hosts started from the same group would
 * share every unit's processes.
 */
const ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'] as const

const EMPTY_WITHIN_MS = 10_000

/** A group of its own for each host in every hierarchy that matters: `/sys/fs/cgroup/unified/sallyport-lab/trial-h1`. */
export function hostGroups(machine: string): string[] {
  return ROOTS.filter((root) => existsSync(join(root, 'cgroup.procs'))).map((root) => join(root, 'sallyport-lab', machine))
}

/** Removes a host's groups, as soon as the last of its killed processes has left them; and the parent with the last. */
export async function removeHostGroups(machine: string): Promise<void> {
  const deadline = performance.now() + EMPTY_WITHIN_MS
  for (const group of hostGroups(machine)) {
    while (!removeGroup(group) && performance.now() < deadline) await pause(50)
    removeGroup(dirname(group), false)
  }
}

/** rmdir(2) from the bottom up, as the files in a group cannot be unlinked; false while there are processes in it. */
function removeGroup(group: string, deep = true): boolean {
  if (!existsSync(group)) return true
  try {
    const below = deep ? readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory()) : []
    for (const entry of below) removeGroup(join(group, entry.name))
    rmdirSync(group)
    return true
  } catch {
    return false
  }
}
