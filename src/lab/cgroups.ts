import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { program } from './program.ts'

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
  for (const group of hostGroups(machine)) {
    const deadline = performance.now() + EMPTY_WITHIN_MS
    while (existsSync(group) && performance.now() < deadline) {
      await program('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
      if (existsSync(group)) await pause(50)
    }
    await program('rmdir', ['--ignore-fail-on-non-empty', dirname(group)]).catch(() => undefined)
  }
}
