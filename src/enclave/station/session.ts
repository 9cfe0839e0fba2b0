import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { Fault } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { Connection, type Login } from '../remote/connection.ts'
import { depotOf, type Site, type SiteHost } from '../site/site.ts'

/** Where the station gets its secrets from: a prompt or a file, never an argument. */
export interface Secrets {
  readonly identityPassphrase: (path: string) => Promise<string>
  readonly issuingPassphrase: () => Promise<string>
  /** Socket of the operator's SSH agent. */
  readonly agent: string | undefined
}

/** Logs in with the identity file that site.yaml names, or with the operator's agent. */
export async function loginOf(site: Site, secrets: Secrets): Promise<Login> {
  const { user, identity } = site.operator
  if (identity === undefined) return { user, ...(secrets.agent === undefined ? {} : { agent: secrets.agent }) }
  const path = identity.startsWith('~/') ? join(homedir(), identity.slice(2)) : identity
  const bytes = await readFile(path).catch(() => undefined)
  const parsed = bytes && ssh2.utils.parseKey(bytes)
  const sealed = parsed instanceof Error && /encrypted/i.test(parsed.message)
  return { user, identity: path, ...(sealed ? { passphrase: await secrets.identityPassphrase(path) } : {}) }
}

/** Ways from the station to the hosts of a site. */
export interface Ways {
  readonly login: Login
  /** A new connection to the depot, as often as one breaks. */
  readonly depot: () => Promise<Connection>
  /** Connections to every other host, in the order of site.yaml; all of them, or a fault that names those not reached. */
  readonly others: () => Promise<readonly Connection[]>
}

export async function waysTo(site: Site, secrets: Secrets): Promise<Ways> {
  const login = await loginOf(site, secrets)
  const depot = depotOf(site)
  return {
    login,
    depot: () => Connection.open(depot, login),
    others: () => openAll(site.hosts.filter((host) => host !== depot), login),
  }
}

async function openAll(hosts: readonly SiteHost[], login: Login): Promise<readonly Connection[]> {
  const opened = await Promise.allSettled(hosts.map((host) => Connection.open(host, login)))
  const connections = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = opened.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const [first] = failed
  if (!first) return connections
  for (const connection of connections) connection.close()
  if (failed.length === 1 || !(first instanceof Fault)) throw first
  throw fault(first.code as 'E_HOST_UNREACHABLE', `${failed.length} hosts cannot be used`, { faults: failed.map((one) => one.message) })
}
