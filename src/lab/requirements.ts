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
  unshare: 'util-linux',
} as const

/** Names everything this machine lacks at once. Throws E_LAB_MACHINE. */
export function requireMachine(): void {
  const faults: string[] = []
  if (process.platform !== 'linux' || process.arch !== 'x64')
    faults.push(`Linux on x64 is needed, this is ${process.platform} on ${process.arch}`)
  if (process.getuid?.() !== 0) faults.push('root is needed: namespaces, bridges and mounts are made')
  const missing = Object.entries(PROGRAMS).filter(([name]) => !isOnPath(name))
  for (const [name, from] of missing) faults.push(`program ${name} is missing (Debian package ${from})`)
  if (faults.length === 0) return
  const wanted = [...new Set(missing.map(([, from]) => from))].join(' ')
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
