import { X509Certificate } from 'node:crypto'
import type { HostPaths } from '../paths.ts'
import { acceptCertificates, type Accepted, type IssuedCertificate } from '../pki/accept.ts'
import { certificateFaults, renewalOf } from '../pki/check.ts'
import { rememberEnds, type CertificateEnd } from '../pki/ends.ts'
import { wantedFor, type Naming } from '../pki/identity.ts'
import { pairInUse, pending } from '../pki/key-pair.ts'
import { requestCertificates, type CertificateRequest } from '../pki/request.ts'
import { revocationListsIn } from '../pki/revocation-list.ts'
import { authoritiesOf, listsHeld, newest, peersOf, takeLists, writeTrust, type Trust } from '../pki/trust-files.ts'

export interface CertificateQuestion extends Naming, Trust {
  /** Revocation lists of the site, PEM; empty when it uses none. */
  readonly lists: string
  /** When the certificates end that this site's services hold, as far as the station gave them. */
  readonly ends?: readonly CertificateEnd[]
  /** Services that get a new key although theirs is good. */
  readonly renew?: readonly string[]
}

/** What a service of a host holds now. */
export interface CertificateHeld {
  readonly service: string
  readonly serial?: string
  readonly notBefore?: string
  readonly notAfter?: string
  /** From when on a new one is asked for. */
  readonly renewal?: string
  readonly faults: readonly string[]
  /** Asked for and not answered yet. */
  readonly waiting?: { readonly since: string; readonly reason: string }
}

export interface HostCertificates {
  readonly host: string
  readonly services: readonly CertificateHeld[]
  /** Revocation lists in force, PEM. */
  readonly lists: string
}

/** Answers a request for each service that needs a certificate. Keys are made here and stay. */
export async function certificatesWanted(paths: HostPaths, question: CertificateQuestion, now: Date): Promise<CertificateRequest[]> {
  const { lists } = await listsHeld(paths)
  const { host, roots, renew = [] } = question
  return requestCertificates(paths, { host, wanted: wantedFor(question), roots, lists, renew, now })
}

/** Takes over what peers are held against, then each certificate that is good. */
export async function certificatesIssued(
  paths: HostPaths,
  question: CertificateQuestion & { readonly issued: readonly IssuedCertificate[] },
  now: Date,
): Promise<Accepted> {
  await writeTrust(paths, question)
  await rememberEnds(paths, question.ends ?? [], now)
  const before = await listsHeld(paths)
  const lists = newest(before.lists, revocationListsIn(question.lists), authoritiesOf(question))
  if (lists !== before.pem) await takeLists(paths, question, lists, now)
  const held = await listsHeld(paths)
  const asking = { wanted: wantedFor(question), roots: question.roots, lists: held.lists, now }
  return acceptCertificates(paths, asking, { ca: peersOf(question), lists: held.pem }, question.issued)
}

/** Takes a set of revocation lists, none of them older than what is in force here. Throws E_CRL. */
export async function revocationsTaken(paths: HostPaths, question: CertificateQuestion, now: Date): Promise<void> {
  await writeTrust(paths, question)
  await takeLists(paths, question, question.lists, now)
}

/** What each service of this host holds, and what it waits for; changes nothing but an exchange that was cut off. */
export async function certificatesHeld(paths: HostPaths, question: CertificateQuestion, now: Date): Promise<HostCertificates> {
  const held = await listsHeld(paths)
  const services: CertificateHeld[] = []
  for (const wanted of wantedFor(question)) {
    const { service } = wanted
    const pair = await pairInUse(paths, service)
    const ask = await pending(paths, service)
    const waiting = ask && { since: ask.since, reason: ask.reason }
    if (!pair) {
      services.push({ service, faults: ['there is none yet'], ...(waiting ? { waiting } : {}) })
      continue
    }
    const faults = certificateFaults(pair.chain, question.roots, { key: pair.key, wanted, now, lists: held.lists })
    const leaf = new X509Certificate(pair.chain)
    services.push({
      service,
      serial: leaf.serialNumber.toLowerCase(),
      notBefore: leaf.validFromDate.toISOString(),
      notAfter: leaf.validToDate.toISOString(),
      renewal: renewalOf(leaf).toISOString(),
      faults,
      ...(waiting ? { waiting } : {}),
    })
  }
  return { host: question.host, services, lists: held.pem }
}
