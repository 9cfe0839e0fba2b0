import type { Accepted } from '../pki/accept.ts'
import type { Connection } from '../remote/connection.ts'
import type { SiteHost } from '../site/site.ts'
import { askEngine } from './ask.ts'
import { onEachHost } from './hosts.ts'
import type { Secrets } from './session.ts'
import type { SiteFiles } from './site-files.ts'
import { questionFor } from './trust.ts'

/** PostgreSQL looks up there when a session's certificate ends; every other service learns it from the connection. */
const asks = (host: SiteHost): boolean => host.roles.includes('postgresql')

/** Tells the hosts that ask for it when the certificates end that were issued to others, after they were asked themselves. */
export async function tellEnds(connections: readonly Connection[], files: SiteFiles, now: Date): Promise<void> {
  if (files.site.hosts.length < 2) return
  for (const connection of connections.filter(({ host }) => asks(host)))
    await askEngine<Accepted>(connection, 'accept', { ...(await questionFor(files, connection.host.name, [], now)), issued: [] })
}

/** The same where no connection is open. */
export async function tellEndsEverywhere(files: SiteFiles, secrets: Secrets, now: Date): Promise<void> {
  if (files.site.hosts.length < 2) return
  await onEachHost(files.site, secrets, files.site.hosts.filter(asks), (connection) => tellEnds([connection], files, now))
}
