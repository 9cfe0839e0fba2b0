import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ruleOf, SERVICES, type Listen, type Rule } from '../../../src/cli/ports-page.ts'
import { issue, newAuthority, openIssuer, type Issuer } from '../../../src/enclave/pki/authority.ts'
import { labRun, type Lab, type LabHost } from '../../../src/lab/lab.ts'

/** What the matrix needs to know of an enclave. */
export interface Mesh {
  readonly lab: Lab
  readonly domain: string
  readonly hosts: readonly { readonly name: string; readonly address: string; readonly roles: readonly string[] }[]
  readonly issuer: Issuer
  readonly roots: string
  readonly operator: string | undefined
}

export type Kind = 'right' | 'wrong authority' | 'expired' | 'revoked'
export const WRONG: readonly Kind[] = ['wrong authority', 'expired', 'revoked']
export const PERSON = 'person'
export const OPERATOR = 'operator'
/** What no list may let in: a certificate for every name of the domain. */
const WILDCARD = 'wildcard'

export interface Identity {
  readonly key: string
  readonly certificate: string
}

export interface Attempt {
  readonly id: string
  readonly protocol: 'https' | 'postgresql'
  readonly port: number
  readonly name: string
  readonly identity: string | null
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly user?: string
  readonly database?: string
  readonly every?: number
}

export interface Answer {
  readonly id: string
  readonly from: number
  readonly stage: 'connect' | 'tls' | 'answer'
  readonly code: number | null
  readonly text: string
  /** Seconds since 1970. */
  readonly at: number
}

export interface Trial extends Attempt {
  /** As the proxy calls it. */
  readonly listener: string
  /** Of certificate; without one, `right`. */
  readonly kind: Kind
  readonly passes: boolean
}

export const named = (who: string, kind: Kind = 'right'): string => `${who}, ${kind}`

const PAIR = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const KEY = PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

/** A certificate for `who` of the enclave's own authority, or of another one that has taken its names. */
export async function certificateFor(mesh: Mesh, who: string, { issuer = mesh.issuer, now = new Date(), days = 1 } = {}): Promise<Identity> {
  const isPerson = who === PERSON || who === OPERATOR
  const common = who === OPERATOR ? (mesh.operator ?? 'nobody') : who
  const dnsNames = isPerson ? [] : [who === WILDCARD ? `*.${mesh.domain}` : `${who}.${mesh.domain}`]
  const leaf = await issue(issuer, {
    publicKey: PAIR.publicKey,
    subject: `CN=${common}`,
    dnsNames,
    usage: isPerson ? ['client'] : ['server', 'client'],
    days,
    now,
  })
  return { key: KEY, certificate: `${leaf}${issuer.certificate}` }
}

export function callersOf(mesh: Mesh): string[] {
  return [...Object.keys(SERVICES), PERSON, ...(mesh.operator === undefined ? [] : [OPERATOR]), WILDCARD]
}

/** Every caller with a certificate of every kind, by `named`. `folder` is for an authority of the same name as the real one. */
export async function everyIdentity(mesh: Mesh, folder: string, organisation: string): Promise<Map<string, Identity>> {
  const now = new Date()
  const files = await newAuthority(folder, { organisation, passphrase: 'other', now })
  const other = await openIssuer(files, 'other', now)
  // Valid while the authority is, and over for a quarter of an hour at least.
  const past = new Date(now.getTime() - 30 * 60_000)
  const identities = new Map<string, Identity>()
  for (const who of callersOf(mesh)) {
    identities.set(named(who, 'right'), await certificateFor(mesh, who))
    identities.set(named(who, 'wrong authority'), await certificateFor(mesh, who, { issuer: other }))
    identities.set(named(who, 'expired'), await certificateFor(mesh, who, { now: past, days: 0.01 }))
    identities.set(named(who, 'revoked'), await certificateFor(mesh, who))
  }
  return identities
}

/** Listeners of a host whose service is there, and whether several hosts of the site hold it. */
export function listenersOn(mesh: Mesh, roles: readonly string[]): { service: string; listen: Listen }[] {
  return Object.entries(SERVICES).flatMap(([service, { role, listens }]) => {
    if (role !== undefined && !roles.includes(role)) return []
    const holders = mesh.hosts.filter((host) => role === undefined || host.roles.includes(role)).length
    return listens.filter(({ hosts }) => hosts === undefined || holders > 1).map((listen) => ({ service, listen }))
  })
}

/** The rules of a listener that speak of `who`; nobody's for a caller without a certificate but `anyone`'s. */
function rulesFor(listen: Listen, who: string | null): Rule[] {
  const names = who === null ? ['anyone'] : who === OPERATOR ? [OPERATOR, PERSON, 'anyone'] : [who, 'anyone']
  return listen.callers.map(ruleOf).filter(({ caller }) => names.includes(caller))
}

const NOWHERE = '/not/for/anyone'

/** What one caller may do at one listener, and one thing that it may not. */
function requests(listen: Listen, who: string | null): { method: string; path: string; passes: boolean }[] {
  const rules = rulesFor(listen, who)
  const allowed = rules.map(({ methods = ['GET'], paths = ['/'] }) => ({
    method: methods.includes('GET') ? 'GET' : (methods[0] ?? 'GET'),
    path: (paths[0] ?? '/').replace('*', 'x'),
    passes: true,
  }))
  const everything = rules.some(({ paths }) => paths === undefined)
  return everything ? allowed : [...allowed, { method: 'GET', path: NOWHERE, passes: false }]
}

/** Every caller at every listener that the proxy ends on this host: with its own certificate, with a wrong one, with none. */
export function trialsAtProxy(mesh: Mesh, roles: readonly string[]): Trial[] {
  return listenersOn(mesh, roles)
    .filter(({ listen }) => listen.terminates === 'proxy')
    .flatMap(({ service, listen }) => {
      const where = `${service}-${listen.name}`
      const at = { protocol: 'https' as const, listener: where, port: listen.port, name: `${service}.${mesh.domain}` }
      const right = [null, ...callersOf(mesh)].flatMap((who) =>
        requests(listen, who).map(({ method, path, passes }) => ({
          ...at,
          id: `${who ?? 'no certificate'} at ${where}: ${method} ${path}`,
          identity: who === null ? null : named(who),
          kind: 'right' as const,
          method,
          path,
          passes: passes && (who !== null || listen.client === 'optional'),
        })),
      )
      const wrong = callersOf(mesh).flatMap((who) =>
        WRONG.map((kind) => {
          const { method, path } = requests(listen, who)[0] ?? { method: 'GET', path: '/' }
          return { ...at, id: `${named(who, kind)} at ${where}: ${method} ${path}`, identity: named(who, kind), kind, method, path, passes: false }
        }),
      )
      return [...right, ...wrong]
    })
}

/** Every caller at PostgreSQL, which ends TLS by itself, as the database role of each that may call. */
export async function trialsAtPostgresql(mesh: Mesh): Promise<Trial[]> {
  const listen = SERVICES['postgresql']?.listens.find(({ name }) => name === 'sql') as Listen
  const defaults = parse(await readFile(new URL('../../../ansible/roles/postgresql/defaults/main.yml', import.meta.url), 'utf8')) as {
    postgresql_databases: Record<string, { database: string; role: string }>
  }
  const present = new Set(mesh.hosts.flatMap(({ roles }) => roles))
  const at = { protocol: 'postgresql' as const, listener: 'postgresql-sql', port: listen.port, name: `postgresql.${mesh.domain}` }
  return Object.entries(defaults.postgresql_databases).flatMap(([client, { database, role }]) =>
    [null, ...callersOf(mesh)].flatMap((who) =>
      (who === null ? (['right'] as const) : (['right', ...WRONG] as const)).map((kind) => ({
        ...at,
        id: `${who === null ? 'no certificate' : named(who, kind)} as ${role}`,
        identity: who === null ? null : named(who, kind),
        kind,
        user: role,
        database,
        passes: who === client && kind === 'right' && rulesFor(listen, who).length > 0 && present.has(SERVICES[client]?.role ?? ''),
      })),
    ),
  )
}

/** Runs a program of this folder on a host, with `input` on its standard input. */
export async function runThere(lab: Lab, host: LabHost, program: string, input = ''): Promise<string> {
  const text = await readFile(join(import.meta.dirname, program))
  const line = `exec python3 -I -c "$(echo ${text.toString('base64')} | base64 -d)"`
  const { code, stdout, stderr } = await labRun(lab, host, line, input)
  if (code !== 0) throw new Error(`${program} on ${host.name} ended with ${code}\n${stderr.slice(-2000)}`)
  return stdout
}

/** Knocks from the host itself at its own address. */
export async function knock(
  mesh: Mesh,
  host: LabHost,
  attempts: readonly Attempt[],
  identities: ReadonlyMap<string, Identity>,
  seconds = 0,
): Promise<Answer[]> {
  const used = new Set(attempts.map(({ identity }) => identity))
  const shown = Object.fromEntries([...identities].filter(([name]) => used.has(name)))
  const request = { address: host.address, ca: mesh.roots, identities: shown, attempts, seconds }
  const lines = (await runThere(mesh.lab, host, 'knock.py', JSON.stringify(request))).trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Answer)
}
