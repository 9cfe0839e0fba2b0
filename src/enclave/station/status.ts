import type { Release } from '../depot/state.ts'
import { planFiles } from '../engine/context.ts'
import { standingOf, type Entry, type Standing } from '../engine/journal.ts'
import { raise, type Floors } from '../floor/floors.ts'
import { parseChain } from '../journal/chain.ts'
import { hostPaths } from '../paths.ts'
import { parsePlan, type Plan } from '../plan/plan.ts'
import type { Facts } from '../preflight/facts.ts'
import { Connection, type Login } from '../remote/connection.ts'
import { openRequests } from './certificate-files.ts'
import { lookAt } from './look.ts'
import type { SiteFiles } from './site-files.ts'

export interface SiteStatus {
  readonly site: string
  readonly host: string
  readonly running?: Release
  readonly since?: string
  readonly previous?: Release
  readonly broken: boolean
  readonly floors: Floors
  readonly policy: { readonly version: number; readonly digest: string }
  readonly active?: { readonly plan: string; readonly kind: string; readonly step: string }
  /** Certificates that were asked for and have not come. */
  readonly waiting: readonly { readonly service: string; readonly host: string; readonly since: string }[]
  readonly services: readonly ServiceStatus[]
  /** Hosts that do not answer, and why. */
  readonly away: readonly { readonly host: string; readonly found: string }[]
}

export interface ServiceStatus {
  readonly host: string
  readonly unit: string
  readonly state: string
}

/** What the site is doing, read from its depot, and the services of every host that answers; changes nothing. */
export async function statusOf(connection: Connection, files: SiteFiles, login: Login): Promise<SiteStatus> {
  const facts = await lookAt(connection)
  const { state } = facts
  const active = facts.active === undefined ? undefined : await activeOf(connection, facts.active)
  return {
    site: files.site.name,
    host: connection.host.name,
    ...(state?.running ? { running: state.running } : {}),
    ...(state?.since ? { since: state.since } : {}),
    ...(state?.previous ? { previous: state.previous.release } : {}),
    broken: state?.broken !== undefined,
    floors: [files.record, facts.floors, state?.floors ?? {}].reduce(raise),
    policy: { version: files.policy.payload.version, digest: files.policy.digest },
    ...(active ? { active } : {}),
    waiting: (await openRequests(files.folder)).map(({ service, host, since }) => ({ service, host, since })),
    ...(await everyService(connection, facts, files, login)),
  }
}

/** The plan the engine has at work, and how far it is. */
export async function planAtWork(connection: Connection, id: string): Promise<{ plan: Plan; standing: Standing }> {
  const files = planFiles(hostPaths(), id)
  const plan = parsePlan(await connection.must(`cat ${files.plan}`), files.plan)
  const journal = await connection.must(`cat ${files.journal}`)
  return { plan, standing: standingOf(parseChain<Entry>(Buffer.from(journal), files.journal).entries) }
}

async function activeOf(connection: Connection, id: string): Promise<NonNullable<SiteStatus['active']>> {
  const { plan, standing } = await planAtWork(connection, id)
  const at = [...standing.started].findLast((key) => !standing.done.has(key)) ?? 'starting'
  return { plan: id, kind: plan.kind, step: at.replace(/^do:/, '').replace(/^undo:/, 'putting back: ') }
}

async function everyService(depot: Connection, facts: Facts, { site }: SiteFiles, login: Login): Promise<Pick<SiteStatus, 'services' | 'away'>> {
  if (!facts.state?.running) return { services: [], away: [] }
  const asked = site.hosts.map(async (host): Promise<{ services: ServiceStatus[]; away: { host: string; found: string }[] }> => {
    if (host.name === depot.host.name) return { services: await servicesOf(depot, facts.nginx), away: [] }
    let connection: Connection | undefined
    try {
      connection = await Connection.open(host, login)
      return { services: await servicesOf(connection, false), away: [] }
    } catch (error) {
      return { services: [], away: [{ host: host.name, found: (error as Error).message }] }
    } finally {
      connection?.close()
    }
  })
  const found = await Promise.all(asked)
  return { services: found.flatMap((one) => one.services), away: found.flatMap((one) => one.away) }
}

async function servicesOf(connection: Connection, nginx: boolean): Promise<ServiceStatus[]> {
  const script = `for f in ${nginx ? '/nginx.container ' : ''}/etc/containers/systemd/*.container; do u="\${f##*/}"; u="\${u%.container}.service"; [ "$u" = '*.service' ] || echo "$u $(systemctl is-active "$u")"; done; true`
  const output = await connection.must(script)
  return output
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => {
      const [unit = '', state = ''] = line.split(' ')
      return { host: connection.host.name, unit, state }
    })
}
