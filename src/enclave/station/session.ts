import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { Connection, type Login } from '../remote/connection.ts'
import { depotOf, type Site } from '../site/site.ts'

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

/** Opens connections to the depot of a site, as often as one breaks. */
export async function connector(site: Site, secrets: Secrets): Promise<() => Promise<Connection>> {
  const login = await loginOf(site, secrets)
  return () => Connection.open(depotOf(site), login)
}
