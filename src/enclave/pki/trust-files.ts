import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { fault } from '../codes.ts'
import { certificatesIn } from './pem.ts'
import { listFaults, nameOf, revocationListsIn, type RevocationList } from './revocation-list.ts'

/** What a host holds peers against. PEM; roots alone decide about its own certificates. */
export interface Trust {
  readonly roots: string
  /** The organisation's authorities below the roots. */
  readonly issuing: string
  /** Cross-certificates of partners' authorities. */
  readonly partners: string
}

const NAMES = { ca: 'ca.pem', partners: 'partners.pem', lists: 'crl.pem' } as const

export async function writeTrust(paths: HostPaths, trust: Trust): Promise<void> {
  await writeDurably(join(paths.pki, NAMES.ca), peersOf(trust), 0o644)
  if (trust.partners === '') await rm(join(paths.pki, NAMES.partners), { force: true })
  else await writeDurably(join(paths.pki, NAMES.partners), trust.partners, 0o644)
}

/** `ca.pem`: everybody who may vouch for a peer. */
export function peersOf({ roots, issuing, partners }: Trust): string {
  return [roots, issuing, partners].map((text) => (text === '' || text.endsWith('\n') ? text : `${text}\n`)).join('')
}

export function authoritiesOf(trust: Trust): X509Certificate[] {
  return certificatesIn(peersOf(trust))
}

/** The revocation lists in force on this host, PEM and read. */
export async function listsHeld(paths: HostPaths): Promise<{ pem: string; lists: RevocationList[] }> {
  const pem = (await readIfPresent(join(paths.pki, NAMES.lists))) ?? ''
  return { pem, lists: revocationListsIn(pem) }
}

/**
 * Of each authority the list with the higher number: two stations may know lists of different age. Those of whoever is no
 * authority any more, such as a partner who left, are dropped. PEM.
 */
export function newest(held: readonly RevocationList[], offered: readonly RevocationList[], authorities: readonly X509Certificate[]): string {
  const trusted = new Set(authorities.map(nameOf))
  const best = new Map<string, RevocationList>()
  for (const list of [...held, ...offered].filter((one) => trusted.has(one.issuerName))) {
    const other = best.get(list.issuerName)
    if (!other || (other.number ?? 0n) < (list.number ?? 0n)) best.set(list.issuerName, list)
  }
  return [...best.values()].map((list) => list.pem).join('')
}

/** Takes a whole set of lists, or none: throws E_CRL with every fault. A list never goes back, whatever the station says. */
export async function takeLists(paths: HostPaths, trust: Trust, pem: string, now: Date): Promise<void> {
  const held = (await listsHeld(paths)).lists
  const authorities = authoritiesOf(trust)
  const lists = revocationListsIn(pem)
  const faults: string[] = []
  for (const list of lists) {
    const before = held.find((one) => one.issuerName === list.issuerName)
    // One that went out of date on its way is taken: what follows from that is the site's stated choice.
    const found = await listFaults(list, authorities, { held: before, now, mayBeLate: true })
    faults.push(...found.map((text) => `${list.issuer}: ${text}`))
  }
  const trusted = new Set(authorities.map(nameOf))
  for (const one of held)
    if (trusted.has(one.issuerName) && !lists.some((list) => list.issuerName === one.issuerName)) faults.push(`${one.issuer}: its list would be lost`)
  if (faults.length > 0) throw fault('E_CRL', 'the revocation lists cannot be used on this host', { faults })
  await writeDurably(join(paths.pki, NAMES.lists), lists.map((list) => list.pem).join(''), 0o644)
}
