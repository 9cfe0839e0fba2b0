import type { Release } from '../depot/state.ts'
import { planFiles } from '../engine/context.ts'
import { standingOf, type Entry, type Standing } from '../engine/journal.ts'
import { raise, type Floors } from '../floor/floors.ts'
import { parseChain } from '../journal/chain.ts'
import { hostPaths } from '../paths.ts'
import { parsePlan, type Plan } from '../plan/plan.ts'
import type { Facts } from '../preflight/facts.ts'
import type { Connection } from '../remote/connection.ts'
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
  readonly services: readonly { readonly unit: string; readonly state: string }[]
}

/** What the site is doing, read from its depot; changes nothing. */
export async function statusOf(connection: Connection, files: SiteFiles): Promise<SiteStatus> {
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
    services: await servicesOf(connection, facts),
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

async function servicesOf(connection: Connection, facts: Facts): Promise<{ unit: string; state: string }[]> {
  if (!facts.state?.running) return []
  const script = `for f in ${facts.nginx ? '/nginx.container ' : ''}/etc/containers/systemd/*.container; do u="\${f##*/}"; u="\${u%.container}.service"; [ "$u" = '*.service' ] || echo "$u $(systemctl is-active "$u")"; done; true`
  const output = await connection.must(script)
  return output
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => {
      const [unit = '', state = ''] = line.split(' ')
      return { unit, state }
    })
}
