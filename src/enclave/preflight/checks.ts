import type { Statement } from '../../bundle/statement.ts'
import { fault } from '../codes.ts'
import { portsOf } from '../site/services.ts'
import type { Role, Site, SiteHost } from '../site/site.ts'
import type { Facts } from './facts.ts'

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' }
/** Bytes a role needs at least, as measured idle and rounded up. */
const MEMORY: Readonly<Record<Role, number>> = {
  depot: 200e6,
  postgresql: 200e6,
  'object-store': 700e6,
  keycloak: 800e6,
  'schema-registry': 400e6,
  'control-plane': 400e6,
  prometheus: 150e6,
  alertmanager: 60e6,
  'node-exporter': 30e6,
  proxy: 100e6,
  trino: 900e6,
  'trino-worker': 900e6,
  registry: 60e6,
}
/** Roles whose data does not follow them to another host. The units of all others are taken away where they left. */
const HOLDS_DATA: readonly Role[] = ['postgresql', 'object-store', 'registry']
/** Packages, container storage and logs beside the bundle itself. */
const UNPACKED_FACTOR = 2
const SPARE_BYTES = 500e6
/** A clock may run a little behind the one that stamped the bundle. */
const CLOCK_SLACK_SECONDS = 24 * 3600
const CLOCKS_APART_SECONDS = 60

export interface Subject {
  readonly statement: Statement
  /** Bytes of the bundle the depot does not hold yet. */
  readonly bundleBytes: number
  /** Roles that the bundle brings services for: none without IaC. */
  readonly roles: readonly Role[]
}

/** Every fault of one host, one line each; empty when it is ready. */
export function preflightFaults(host: SiteHost, facts: Facts, subject: Subject): string[] {
  const faults: string[] = []
  const say = (text: string): void => void faults.push(`${host.name}: ${text}`)
  const architecture = ARCHITECTURES[facts.machine] ?? facts.machine
  const fits = subject.statement.targets.some(
    (target) => target.os === facts.os && target.release === facts.release && target.architecture === architecture,
  )
  if (!fits) {
    const targets = subject.statement.targets.map((one) => `${one.os} ${one.release} ${one.architecture}`).join(' or ')
    say(`runs ${facts.os} ${facts.release} ${architecture}, the bundle is for ${targets}`)
  }
  if (!facts.root) say('the SSH user is not root')
  if (!facts.systemd) say('systemd does not run')
  const behind = Date.parse(subject.statement.created) / 1000 - facts.clock
  if (behind > CLOCK_SLACK_SECONDS)
    say(`its clock says ${new Date(facts.clock * 1000).toISOString()}, before the bundle was made (${subject.statement.created})`)
  const roles = host.roles.filter((role) => role === 'depot' || subject.roles.includes(role))
  if (host.roles.includes('depot')) {
    const needed = subject.bundleBytes * (subject.roles.length > 0 ? UNPACKED_FACTOR + 1 : 1) + SPARE_BYTES
    if (facts.freeDepot < needed) say(`${mega(facts.freeDepot)} free for the depot, ${mega(needed)} needed`)
  }
  const memory = roles.reduce((sum, role) => sum + MEMORY[role], 0)
  if (facts.memory < memory) say(`${mega(facts.memory)} of memory, ${mega(memory)} needed for ${roles.join(', ')}`)
  if (!facts.state?.running && !facts.active && facts.containers.length === 0)
    for (const role of roles)
      for (const port of portsOf(role))
        if (facts.listening.includes(port) && !(role === 'depot' && facts.nginx)) say(`port ${port} is taken (${role} needs it)`)
  for (const role of HOLDS_DATA)
    if (!host.roles.includes(role) && facts.containers.some((name) => name === role || name.startsWith(`${role}-`)))
      say(`${role} is here with its data, and site.yaml places it elsewhere now: a new one would begin empty. Write the role back into the host's roles`)
  return faults
}

/** Certificates, database replicas and object stores need hosts whose clocks agree. */
export function clockFaults(site: Site, { depot, others }: { readonly depot: Facts; readonly others: ReadonlyMap<string, Facts> }): string[] {
  return site.hosts.flatMap((host) => {
    const apart = Math.abs((others.get(host.name) ?? depot).clock - depot.clock)
    return apart > CLOCKS_APART_SECONDS ? [`${host.name}: its clock and the depot’s are ${apart} s apart, at most ${CLOCKS_APART_SECONDS} may be`] : []
  })
}

/** Throws E_PREFLIGHT naming every fault of every host. */
export function assertReady(faults: readonly string[]): void {
  if (faults.length > 0) throw fault('E_PREFLIGHT', `${faults.length} check(s) before the start failed`, { faults })
}

function mega(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
