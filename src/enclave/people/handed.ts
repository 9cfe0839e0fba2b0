import { fault } from '../codes.ts'
import { Connection, type Login } from '../remote/connection.ts'
import type { Site } from '../site/site.ts'

/** What a person is handed once: the host keeps nothing of it in clear. */
export interface Handed {
  readonly username: string
  /** Absent when the organisation's directory keeps the password. */
  readonly password?: string
  /** CMS (RFC 5652), PEM: the password under the keys that site.yaml names in identity.breakGlass.certificates. */
  readonly sealed?: string
  /** For an authenticator app or a token's programmer (Key URI format); absent for an emergency account. */
  readonly otpauth?: string
}

/** The role `keycloak` installs it on the host of the identity provider. */
const PROGRAM = '/usr/local/sbin/sallyport-identity'

/** A password and one-time codes for a person of the site or of its directory, in place of whatever they had. */
export function enrol(site: Site, login: Login, id: string): Promise<Handed> {
  return handed(site, login, `enrol ${shellWord(id)}`)
}

/** The sealed password of a holder's emergency account. It is on the host until this is called, and never again. */
export function handOver(site: Site, login: Login, holder: string): Promise<Handed> {
  return handed(site, login, `hand-over ${shellWord(holder)}`)
}

/** Seals another password for a holder's emergency account, opened or shut: the one before is void. */
export async function seal(site: Site, login: Login, holder: string): Promise<void> {
  await run(site, login, `seal ${shellWord(holder)}`)
}

async function handed(site: Site, login: Login, words: string): Promise<Handed> {
  const said = await run(site, login, words)
  const answer = JSON.parse(said) as Partial<Handed>
  if (typeof answer.username !== 'string')
    throw fault('E_HOST_COMMAND', 'the identity provider’s host did not say what is to be handed over', { expected: 'an account' })
  return answer as Handed
}

/** Its answer holds secrets: a fault carries what the program says on standard error only. */
async function run(site: Site, login: Login, words: string): Promise<string> {
  const host = site.hosts.find(({ roles }) => roles.includes('keycloak'))
  if (host === undefined)
    throw fault('E_HOST_COMMAND', `no host of the site ${site.name} has the role keycloak`, { expected: 'a host with it in site.yaml' })
  const connection = await Connection.open(host, login)
  try {
    const { code, stdout, stderr } = await connection.exec(`${PROGRAM} ${words}`)
    if (code === 0) return stdout
    throw fault('E_HOST_COMMAND', `${host.name}: the identity provider’s program ended with ${code}`, {
      expected: '0',
      found: stderr.trim().slice(-1000),
    })
  } finally {
    connection.close()
  }
}

/** Quoted for the host's shell, whatever it holds. */
const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
