import { Connection, type Login } from '../remote/connection.ts'
import type { Site, SiteHost } from '../site/site.ts'
import { lookAt } from './look.ts'

export interface HostStatus {
  readonly name: string
  readonly address: string
  readonly roles: readonly string[]
  readonly answers: boolean
  /** What it is, or why it does not answer. */
  readonly found: string
  /** Highest committed sequence by bundle. */
  readonly floors: Readonly<Record<string, number>>
}

/** Asks every host of a site at once; one that does not answer is an answer too. Changes nothing. */
export async function hostsOf(site: Site, login: Login): Promise<HostStatus[]> {
  return Promise.all(site.hosts.map((host) => hostStatus(host, login)))
}

async function hostStatus(host: SiteHost, login: Login): Promise<HostStatus> {
  const { name, address, roles } = host
  let connection: Connection | undefined
  try {
    connection = await Connection.open(host, login)
    const facts = await lookAt(connection)
    const floors = Object.entries(facts.floors).filter(([, floor]) => floor.sequence > 0)
    const found = `${facts.os} ${facts.release} ${facts.machine}, ${Math.round(facts.memory / 1e6)} MB`
    return { name, address, roles, answers: true, found, floors: Object.fromEntries(floors.map(([key, floor]) => [key, floor.sequence])) }
  } catch (error) {
    return { name, address, roles, answers: false, found: (error as Error).message, floors: {} }
  } finally {
    connection?.close()
  }
}
