import type { Role } from '../enclave/site/site.ts'

/** What services.json of a release says of one listener: as far as an assessment asks. */
export interface DeclaredListen {
  readonly port: number
  readonly lastPort?: number
  readonly bind: string
  readonly upstream?: number
  readonly hosts?: string
}

export interface DeclaredService {
  readonly role?: string
  readonly unit?: string
  readonly uid?: number
  readonly capabilities?: readonly string[]
  readonly listens: readonly DeclaredListen[]
  readonly variants?: Readonly<Record<string, { readonly uid?: number }>>
}

export type Services = Readonly<Record<string, DeclaredService>>

interface Placed {
  readonly roles: readonly (Role | string)[]
}

/** Listeners of a host with these roles; those for several hosts only where several hold the service. */
function listenersOn(services: Services, hosts: readonly Placed[], { roles }: Placed): DeclaredListen[] {
  return Object.values(services).flatMap(({ role, listens }) => {
    if (role !== undefined && !roles.includes(role)) return []
    const holders = hosts.filter((host) => role === undefined || host.roles.includes(role)).length
    return listens.filter((listen) => listen.hosts === undefined || holders > 1)
  })
}

/** Ports that may listen on the host's address (its own, and those its proxy hands on), and on its loopback address. */
export function declaredPorts(services: Services, hosts: readonly Placed[], host: Placed): { readonly address: readonly number[]; readonly loopback: readonly number[] } {
  const own = listenersOn(services, hosts, host)
  const handedOn = host.roles.includes('proxy') ? hosts.flatMap((one) => listenersOn(services, hosts, one)).filter(({ upstream }) => upstream !== undefined) : []
  return {
    address: sorted([...own.filter(({ bind }) => bind === 'address'), ...handedOn].flatMap(portsOf)),
    loopback: sorted(own.filter(({ bind }) => bind === 'loopback').flatMap(portsOf)),
  }
}

/** Every loopback port of every service: guarded on each host, also where nothing listens. */
export function everyBackend(services: Services): number[] {
  return sorted(Object.values(services).flatMap(({ listens }) => listens.filter(({ bind }) => bind === 'loopback').flatMap(portsOf)))
}

/** Which service a container belongs to: the longest name that it is, or begins with. */
export function serviceOf(services: Services, container: string): string | undefined {
  return Object.keys(services)
    .filter((name) => container === name || container.startsWith(`${name}-`))
    .toSorted((a, b) => b.length - a.length)[0]
}

/** User ids a service may run as, of any of its variants. */
export function uidsOf({ uid, variants = {} }: DeclaredService): number[] {
  return [uid, ...Object.values(variants).map((variant) => variant.uid)].filter((one) => one !== undefined)
}

const portsOf = ({ port, lastPort = port }: DeclaredListen): number[] => Array.from({ length: lastPort - port + 1 }, (_, index) => port + index)
const sorted = (ports: readonly number[]): number[] => [...new Set(ports)].toSorted((a, b) => a - b)
