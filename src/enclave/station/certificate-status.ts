import type { X509Certificate } from 'node:crypto'
import type { CertificateHeld, HostCertificates } from '../engine/certificates.ts'
import { certificatesIn, oneLine } from '../pki/pem.ts'
import { nameOf, revocationListsIn } from '../pki/revocation-list.ts'
import { servicesOf } from '../site/services.ts'
import { askEngine } from './ask.ts'
import { hostsNamed, onEachHost } from './hosts.ts'
import type { Secrets } from './session.ts'
import type { SiteFiles } from './site-files.ts'
import { listsOf, questionFor, trustOf } from './trust.ts'

const DAY_MS = 86_400_000

export interface HostsCertificates {
  readonly hosts: readonly HostCertificates[]
}

export type CertificateState = 'good' | 'renew now' | 'waiting' | 'cannot be used' | 'none'

export interface CertificateLine extends CertificateHeld {
  readonly host: string
  readonly state: CertificateState
  /** Whole days until it ends; negative when it has. */
  readonly daysLeft?: number
}

export interface AuthorityLine {
  readonly name: string
  readonly kind: 'root' | 'issuing' | 'partner'
  readonly notAfter: string
  readonly daysLeft: number
  /** The list in force of this authority. */
  readonly list?: { readonly number: string; readonly nextUpdate: string; readonly daysLeft: number; readonly revoked: number }
}

export interface CertificateStatus {
  readonly site: string
  readonly certificates: readonly CertificateLine[]
  readonly authorities: readonly AuthorityLine[]
  /** What needs a person, the most urgent first. */
  readonly due: readonly string[]
}

/** What every host holds and waits for. */
export async function certificatesOn(files: SiteFiles, secrets: Secrets, host: string | undefined, now: Date): Promise<HostsCertificates> {
  const hosts = await onEachHost(files.site, secrets, hostsNamed(files.site, host), async (connection) =>
    askEngine<HostCertificates>(connection, 'certificates-held', await questionFor(files, connection.host.name, servicesOf(connection.host.roles), now)),
  )
  return { hosts }
}

/** Lifetimes of every certificate, authority and revocation list of the site, and what has to be done when. */
export async function certificateStatus(files: SiteFiles, secrets: Secrets, now: Date): Promise<CertificateStatus> {
  const { hosts } = await certificatesOn(files, secrets, undefined, now)
  const certificates = hosts.flatMap(({ host, services }) => services.map((held) => lineOf(host, held, now)))
  const trust = await trustOf(files, now)
  const lists = revocationListsIn(await listsOf(files.folder))
  const authority = (kind: AuthorityLine['kind']) => (one: X509Certificate): AuthorityLine => {
    const list = lists.find((each) => each.issuerName === nameOf(one))
    return {
      name: oneLine(one.subject),
      kind,
      notAfter: one.validToDate.toISOString(),
      daysLeft: daysUntil(one.validToDate, now),
      ...(list?.nextUpdate
        ? {
            list: {
              number: String(list.number),
              nextUpdate: list.nextUpdate.toISOString(),
              daysLeft: daysUntil(list.nextUpdate, now),
              revoked: list.revoked.size,
            },
          }
        : {}),
    }
  }
  const authorities = [
    ...certificatesIn(trust.roots).map(authority('root')),
    ...certificatesIn(trust.issuing).map(authority('issuing')),
    ...certificatesIn(trust.partners).map(authority('partner')),
  ]
  return { site: files.site.name, certificates, authorities, due: dueOf(certificates, authorities, lists.length > 0) }
}

function lineOf(host: string, held: CertificateHeld, now: Date): CertificateLine {
  const end = held.notAfter === undefined ? undefined : new Date(held.notAfter)
  const state = ((): CertificateState => {
    if (!end) return held.waiting ? 'waiting' : 'none'
    if (held.faults.length > 0) return 'cannot be used'
    if (held.waiting) return 'waiting'
    return held.renewal !== undefined && new Date(held.renewal) <= now ? 'renew now' : 'good'
  })()
  return { host, ...held, state, ...(end ? { daysLeft: daysUntil(end, now) } : {}) }
}

function daysUntil(then: Date, now: Date): number {
  return Math.floor((then.getTime() - now.getTime()) / DAY_MS)
}

const SOON_DAYS = { authority: 90, list: 7 } as const

function dueOf(certificates: readonly CertificateLine[], authorities: readonly AuthorityLine[], usesLists: boolean): string[] {
  const due: { days: number; text: string }[] = []
  for (const { host, service, state, daysLeft = 0, faults, waiting } of certificates) {
    const what = `${service} on ${host}`
    if (state === 'cannot be used') due.push({ days: -1, text: `${what} cannot be used: ${faults.join('; ')}` })
    else if (waiting) due.push({ days: daysLeft, text: `${what} waits for its certificate since ${waiting.since}; the one in use ends in ${daysLeft} day(s)` })
    else if (state === 'renew now') due.push({ days: daysLeft, text: `${what} ends in ${daysLeft} day(s): sallyport certificates renew --site DIR` })
  }
  for (const { name, kind, daysLeft, list } of authorities) {
    if (daysLeft < SOON_DAYS.authority) due.push({ days: daysLeft, text: `${name} (${kind}) ends in ${daysLeft} day(s)` })
    if (usesLists && !list) due.push({ days: -1, text: `${name} (${kind}) has no revocation list: whoever it vouches for is refused` })
    if (list && list.daysLeft < SOON_DAYS.list) due.push({ days: list.daysLeft, text: `the revocation list of ${name} is due in ${list.daysLeft} day(s), ${list.nextUpdate}` })
  }
  return due.toSorted((a, b) => a.days - b.days).map(({ text }) => text)
}
