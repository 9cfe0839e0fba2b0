import { readFile } from 'node:fs/promises'
import { fault } from '../codes.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import { openIssuer, type Issuer } from '../pki/authority.ts'
import { issueList, type Reason, type Revocation } from '../pki/issue.ts'
import { certificatesIn, oneLine, pemBlocks } from '../pki/pem.ts'
import { listFaults, nameOf, REASON_NAMES, revocationList, revocationListsIn, serialOf, type RevocationList } from '../pki/revocation-list.ts'
import { authoritiesOf, newest, type Trust } from '../pki/trust-files.ts'
import { siteFile } from '../site/read.ts'
import { askEngine } from './ask.ts'
import { certificatePaths } from './certificate-files.ts'
import { certificatesOn } from './certificate-status.ts'
import { onEachHost } from './hosts.ts'
import type { Secrets } from './session.ts'
import type { SiteFiles } from './site-files.ts'
import { listsOf, questionFor, trustOf } from './trust.ts'

const MAX_FILE = 64 * 1024 * 1024
const FIRST_DAYS = 30

export interface ListInForce {
  readonly issuer: string
  readonly number: string
  readonly nextUpdate: string
  readonly revoked: number
}

/**
 * Takes revocation lists from files, PEM or DER, and hands the whole set to every host. Throws E_CRL with every fault of every
 * file; nothing is handed out then.
 */
export async function takeRevocationLists(files: SiteFiles, paths: readonly string[], secrets: Secrets, now: Date): Promise<ListInForce[]> {
  const trust = await trustOf(files, now)
  const authorities = authoritiesOf(trust)
  const held = revocationListsIn(await listsOf(files.folder))
  const faults: string[] = []
  const offered: RevocationList[] = []
  for (const path of paths) {
    const lists = await readLists(path).catch((error: Error) => {
      faults.push(`${path}: ${error.message}`)
      return []
    })
    for (const list of lists) {
      const before = held.find((one) => one.issuerName === list.issuerName)
      faults.push(...(await listFaults(list, authorities, { held: before, now })).map((text) => `${path}: ${list.issuer}: ${text}`))
      offered.push(list)
    }
  }
  if (faults.length > 0) throw fault('E_CRL', `${faults.length} fault(s) in revocation lists`, { faults })
  const own = await firstOwn(files, [...held, ...offered], secrets, now)
  return put(files, trust, newest(held, [...offered, ...own], authorities), secrets, now)
}

/** A site with a delegated CA that begins to use lists makes that CA's own one, with nobody on it. */
async function firstOwn(files: SiteFiles, lists: readonly RevocationList[], secrets: Secrets, now: Date): Promise<RevocationList[]> {
  const issuer = await delegated(files, secrets, now, lists)
  return issuer ? [await nextList(files, issuer, lists, { serials: [], reason: 'unspecified', days: FIRST_DAYS }, now)] : []
}

export interface Revoking {
  /** Hexadecimal; without any, the list is only made anew. */
  readonly serials: readonly string[]
  readonly reason: Reason
  /** Until when the list is good. */
  readonly days: number
}

/**
 * The delegated issuing CA revokes and issues its list; its number only grows, and what any host knows to be revoked stays
 * revoked, also when the folder of the site is an old copy. Throws E_ISSUING_CA when the site has no delegated CA.
 */
export async function revoke(files: SiteFiles, revoking: Revoking, secrets: Secrets, now: Date): Promise<ListInForce[]> {
  const { folder, site } = files
  const issuer = await delegated(files, secrets, now)
  if (!issuer)
    throw fault('E_ISSUING_CA', 'this site has no delegated CA: its organisation revokes', {
      expected: 'pki.mode delegated-ca',
      found: site.pki.mode,
      next: 'Ask the organisation’s PKI to revoke, then: sallyport certificates crl FILE… --site DIR',
    })
  const trust = await trustOf(files, now)
  const held = revocationListsIn(await listsOf(folder))
  const { hosts } = await certificatesOn(files, secrets, undefined, now)
  const known = [...held, ...hosts.flatMap((host) => revocationListsIn(host.lists))]
  const list = await nextList(files, issuer, known, revoking, now)
  return put(files, trust, newest(known, [list], authoritiesOf(trust)), secrets, now)
}

/** The delegated CA, opened; undefined when there is none, or when it already has one of `lists`. */
async function delegated({ folder, site }: SiteFiles, secrets: Secrets, now: Date, lists: readonly RevocationList[] = []): Promise<Issuer | undefined> {
  const { issuing } = site.pki
  if (site.pki.mode !== 'delegated-ca' || !issuing) return undefined
  const opened = { issuing: siteFile(folder, issuing.certificate), issuingKey: siteFile(folder, issuing.key) }
  const [certificate] = certificatesIn(await readFile(opened.issuing, 'utf8'))
  if (certificate && lists.some((list) => list.issuerName === nameOf(certificate))) return undefined
  return openIssuer(opened, await secrets.issuingPassphrase(), now)
}

/** Makes the CA's next list: with all that the folder or any known list says is revoked, and a number above every other. */
async function nextList(files: SiteFiles, issuer: Issuer, lists: readonly RevocationList[], { serials, reason, days }: Revoking, now: Date): Promise<RevocationList> {
  const own = certificatesIn(issuer.certificate).map(nameOf)[0]
  const known = lists.filter((list) => list.issuerName === own)
  const record = await readRecord(files.folder)
  const entries = new Map(record.revoked.map((one) => [one.serial, one]))
  for (const list of known)
    for (const [serial, { date, reason: code }] of list.revoked)
      if (!entries.has(serial)) entries.set(serial, { serial, date: date.toISOString(), reason: REASON_NAMES[code ?? 0] ?? 'unspecified' })
  for (const serial of serials.map(serialOf)) if (!entries.has(serial)) entries.set(serial, { serial, date: now.toISOString(), reason })
  const number = [BigInt(record.number), ...known.map((list) => list.number ?? 0n)].reduce((a, b) => (a > b ? a : b)) + 1n
  const revoked = [...entries.values()]
  await writeDurably(certificatePaths(files.folder).revoked, `${JSON.stringify({ number: String(number), revoked }, null, 2)}\n`)
  return revocationList(await issueList(issuer, { revoked, number, days, now }))
}

/** Notes the whole set and hands it out. A set in which an authority of the organisation has no list would refuse everybody. */
async function put(files: SiteFiles, trust: Trust, pem: string, secrets: Secrets, now: Date): Promise<ListInForce[]> {
  const lists = revocationListsIn(pem)
  const without = certificatesIn(`${trust.roots}\n${trust.issuing}`).filter((one) => !lists.some((list) => list.issuerName === nameOf(one)))
  if (without.length > 0)
    throw fault('E_CRL', 'the set of revocation lists is not whole', {
      expected: 'one list of each authority of the organisation: TLS libraries refuse a chain with a list missing',
      faults: without.map((one) => `${oneLine(one.subject)}: no list`),
    })
  await writeDurably(certificatePaths(files.folder).lists, pem)
  await onEachHost(files.site, secrets, files.site.hosts, async (connection) =>
    askEngine(connection, 'revocations', await questionFor(files, connection.host.name, [], now)),
  )
  return lists.map(({ issuer, number, nextUpdate, revoked }) => ({
    issuer,
    number: String(number),
    nextUpdate: nextUpdate?.toISOString() ?? '',
    revoked: revoked.size,
  }))
}

async function readLists(path: string): Promise<RevocationList[]> {
  const content = await readFile(path)
  if (content.length > MAX_FILE) throw new Error(`larger than ${MAX_FILE} bytes`)
  const text = content.toString('latin1')
  const blocks = pemBlocks(text, 'X509 CRL')
  const lists = blocks.length > 0 ? blocks.map(revocationList) : [revocationList(content)]
  if (text.split('-----BEGIN X509 CRL-----').length - 1 > blocks.length) throw new Error('cut off within a list')
  return lists
}

async function readRecord(folder: string): Promise<{ number: string; revoked: Revocation[] }> {
  const text = await readIfPresent(certificatePaths(folder).revoked)
  return text === undefined ? { number: '0', revoked: [] } : (JSON.parse(text) as { number: string; revoked: Revocation[] })
}
