import file from '../../../ansible/group_vars/all/services.json' with { type: 'json' }
import type { Role, Site, SiteHost } from './site.ts'

interface Service {
  /** Absent: it is on every host. */
  readonly role?: string
  readonly listens: readonly { readonly port: number; readonly bind: string; readonly terminates?: string }[]
}

const SERVICES = Object.entries(file.services) as [string, Service][]

export const SERVICE_NAMES: readonly string[] = SERVICES.map(([name]) => name)

/** Services of a host with these roles, `host` always among them. Each has a certificate and a name of its own. */
export function servicesOf(roles: readonly Role[]): string[] {
  return SERVICES.filter(([, { role }]) => role === undefined || (roles as readonly string[]).includes(role)).map(([name]) => name)
}

/** TCP ports on the address of a host that a role's services, or the proxy in front of them, listen on. */
export function portsOf(role: Role): number[] {
  const listens = SERVICES.filter(([, service]) => service.role === role).flatMap(([, service]) => service.listens)
  return listens.filter(({ bind }) => bind === 'address').map(({ port }) => port)
}

/**
 * The names that one host knows, as lines of /etc/hosts. `<service>.<domain>` is the host itself, whose proxy finds the
 * way; without a proxy, whoever holds the service. The depot's name is the depot's. `<host>.<service>.<domain>` is that
 * host's instance.
 */
export function namesOn(site: Site, host: SiteHost): string[] {
  const own: string[] = []
  const instances: string[] = []
  for (const [service] of SERVICES) {
    const holders = site.hosts.filter((one) => servicesOf(one.roles).includes(service))
    const [first] = holders
    if (!first) continue
    const here = service !== 'depot' && (host.roles.includes('proxy') || holders.includes(host))
    own.push(`${here ? host.address : first.address} ${service}.${site.domain}`)
    instances.push(...holders.map((holder) => `${holder.address} ${holder.name}.${service}.${site.domain}`))
  }
  return [...own, ...instances]
}
