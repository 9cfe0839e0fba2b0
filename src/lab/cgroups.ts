import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { program } from './program.ts'

/**
 * Roots of the hierarchies that systemd-nspawn puts its groups in: the second version alone, or beside the first. With
 * --keep-unit it makes `payload` below the group it is started in, so that two hosts started from the same group would
 * share every unit's processes.
 */
const ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'] as const

/** A group of its own for each host in every hierarchy that matters: `/sys/fs/cgroup/unified/sallyport-lab/trial-h1`. */
export function hostGroups(machine: string): string[] {
  return ROOTS.filter((root) => existsSync(join(root, 'cgroup.procs'))).map((root) => join(root, 'sallyport-lab', machine))
}

/** Removes a host's groups; its processes must be gone. The parent goes with the last host. */
export async function removeHostGroups(machine: string): Promise<void> {
  for (const group of hostGroups(machine)) {
    if (existsSync(group)) await program('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
    await program('rmdir', ['--ignore-fail-on-non-empty', join(group, '..')]).catch(() => undefined)
  }
}
