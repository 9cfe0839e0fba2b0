import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fault } from './codes.ts'

/** Programs the lab calls, and the Debian package each comes from. */
const PROGRAMS = {
  'apt-get': 'apt',
  flock: 'util-linux',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  nft: 'nftables',
  nsenter: 'util-linux',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  'systemd-nspawn': 'systemd-container',
  tcpdump: 'tcpdump',
  unshare: 'util-linux',
} as const

const HOST_PROGRAMS = (Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]).filter((name) => name !== 'tcpdump')

/** Names everything this machine lacks for lab hosts, at once. Throws E_LAB_MACHINE. */
export function requireMachine(): void {
  const faults: string[] = []
  if (process.platform !== 'linux' || process.arch !== 'x64')
    faults.push(`Linux on x64 is needed, this is ${process.platform} on ${process.arch}`)
  if (process.getuid?.() !== 0) faults.push('root is needed: namespaces, bridges and mounts are made')
  refuse(faults, HOST_PROGRAMS)
}

/** Throws E_LAB_MACHINE. */
export function requirePrograms(...names: (keyof typeof PROGRAMS)[]): void {
  refuse([], names)
}

function refuse(others: readonly string[], names: readonly (keyof typeof PROGRAMS)[]): void {
  const missing = names.filter((name) => !isOnPath(name))
  const faults = [...others, ...missing.map((name) => `program ${name} is missing (Debian package ${PROGRAMS[name]})`)]
  if (faults.length === 0) return
  const wanted = [...new Set(missing.map((name) => PROGRAMS[name]))].join(' ')
  throw fault('E_LAB_MACHINE', `this machine lacks ${faults.length} thing(s) that a lab needs`, {
    faults,
    ...(wanted === '' ? {} : { next: `apt-get install --no-install-recommends ${wanted}` }),
  })
}

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
