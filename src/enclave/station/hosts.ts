import { Fault } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { Connection } from '../remote/connection.ts'
import type { Site, SiteHost } from '../site/site.ts'
import { loginOf, type Secrets } from './session.ts'

/** The hosts of a site, or the one named. Throws E_SITE_INVALID when there is none of that name. */
export function hostsNamed(site: Site, name: string | undefined): readonly SiteHost[] {
  const found = site.hosts.filter((host) => name === undefined || host.name === name)
  if (found.length > 0) return found
  throw fault('E_SITE_INVALID', `the site has no host ${name}`, { expected: site.hosts.map((host) => host.name).join(', '), found: name ?? '' })
}

/** Does something on every host, one after the other. A host that fails stops no other one; then all failures are one fault. */
export async function onEachHost<T>(
  site: Site,
  secrets: Secrets,
  hosts: readonly SiteHost[],
  work: (connection: Connection) => Promise<T>,
): Promise<T[]> {
  const login = await loginOf(site, secrets)
  const done: T[] = []
  const failed: { host: string; error: Fault }[] = []
  for (const host of hosts) {
    let connection: Connection | undefined
    try {
      connection = await Connection.open(host, login)
      done.push(await work(connection))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      failed.push({ host: host.name, error })
    } finally {
      connection?.close()
    }
  }
  const [first, ...others] = failed
  if (!first) return done
  if (others.length === 0) throw first.error
  throw fault(first.error.code as 'E_HOST_COMMAND', `${failed.length} of ${hosts.length} hosts: ${first.error.message}`, {
    ...first.error.detail,
    faults: failed.flatMap(({ host, error }) => [`${host}: ${error.message}`, ...(error.detail.faults ?? []).map((text) => `${host}: ${text}`)]),
  })
}
