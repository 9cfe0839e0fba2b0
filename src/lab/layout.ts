import { join } from 'node:path'

const RUN = '/run/sallyport-lab'
const DISK = '/var/lib/sallyport-lab'

/** Where a lab keeps what: the state of a running lab in /run, the file systems of its hosts on disk. */
export const paths = {
  run: RUN,
  disk: DISK,
  /** One kernel lock around every change to the set of labs. */
  lock: join(RUN, '.lock'),
  /** `/run/sallyport-lab/trial` */
  lab: (lab: string): string => join(RUN, lab),
  state: (lab: string): string => join(RUN, lab, 'lab.json'),
  identity: (lab: string): string => join(RUN, lab, 'operator'),
  knownHosts: (lab: string): string => join(RUN, lab, 'known_hosts'),
  /** A bind mount of the host's network namespace, for `nsenter --net=`. */
  network: (lab: string, host: string): string => join(RUN, lab, `${host}.netns`),
  /** `running`, or the exit status of the last run. */
  power: (lab: string, host: string): string => join(RUN, lab, `${host}.power`),
  /** One line a start. */
  boots: (lab: string, host: string): string => join(RUN, lab, `${host}.boots`),
  console: (lab: string, host: string): string => join(RUN, lab, `${host}.console`),
  /** `/var/lib/sallyport-lab/trial` */
  files: (lab: string): string => join(DISK, lab),
  rootfs: (lab: string, host: string): string => join(DISK, lab, host),
}

/** The name nspawn and cgroups know a host by, unique on this machine: `trial-h1`. */
export function machineOf(lab: string, host: string): string {
  return `${lab}-${host}`
}

/** What nspawn leaves in /run when it is killed; `root` are the numbers of the host's root folder. */
export function nspawnLeftovers(machine: string, root: { readonly dev: number; readonly ino: number }): string[] {
  const names = [`propagate/${machine}`, `unix-export/${machine}`, `locks/inode-${root.dev}:${root.ino}`]
  return names.map((name) => join('/run/systemd/nspawn', name))
}
