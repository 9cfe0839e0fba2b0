import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import type { CertificateQuestion } from '../engine/certificates.ts'
import type { Accepted, IssuedCertificate } from '../pki/accept.ts'
import { openIssuer } from '../pki/authority.ts'
import { readInbox } from '../pki/inbox.ts'
import { matchAnswers } from '../pki/match.ts'
import { certificatesIn } from '../pki/pem.ts'
import type { CertificateRequest } from '../pki/request.ts'
import { revocationListsIn } from '../pki/revocation-list.ts'
import { answerWithIssuer } from '../pki/sign.ts'
import type { Connection } from '../remote/connection.ts'
import { siteFile } from '../site/read.ts'
import { askEngine } from './ask.ts'
import { certificatePaths, keepIssued, noteRequests } from './certificate-files.ts'
import type { SiteFiles } from './site-files.ts'
import { questionFor } from './trust.ts'

interface Answered {
  readonly issued: readonly IssuedCertificate[]
  readonly missing: readonly CertificateRequest[]
  readonly faults: readonly string[]
  /** The file to send out, while anything is missing. */
  readonly file?: string
}

/**
 * For one host: keys are made there, requests come here, certificates go back. With a delegated CA they are signed at the
 * station; otherwise requests are written for the organisation's PKI, and its answers taken from a folder. What is good is
 * put to use; then E_CERTIFICATE says what is not, E_WAITING_FOR_CERTIFICATES what is missing.
 */
export async function certify(
  connection: Connection,
  files: SiteFiles,
  services: readonly string[],
  passphrase: () => Promise<string>,
  now: Date,
  renew: readonly string[] = [],
): Promise<string> {
  const host = connection.host.name
  const question = await questionFor(files, host, services, now)
  const requests = await askEngine<CertificateRequest[]>(connection, 'certificates', { ...question, renew })
  const { issued, missing, faults, file } = await answers(files, question, requests, passphrase, now)
  // An issuing CA that was not known before came with the answers.
  const after = issued.length > 0 ? await questionFor(files, host, services, now) : question
  const { accepted, faults: refused } = await askEngine<Accepted>(connection, 'accept', { ...after, issued })
  if (file !== undefined) await noteRequests(files.folder, files.site, host, requests.filter(({ service }) => !accepted.includes(service)))
  // A file of no use is no obstacle once everything asked for is there.
  const wrong = [...(missing.length > 0 ? faults : []), ...refused.map((text) => `${host}: ${text}`)]
  if (wrong.length > 0)
    throw fault('E_CERTIFICATE', `${wrong.length} fault(s) in certificates for ${host}; ${accepted.length} good one(s) are in use`, {
      faults: [...wrong, ...missing.map(({ service }) => `still missing: ${service} on ${host}`)],
    })
  if (missing.length > 0) throw waiting(missing, file ?? '')
  return accepted.length === 0 ? 'every certificate is valid' : `${accepted.length} issued to ${accepted.join(', ')}`
}

/** The same for several hosts: every one is asked before anything is said, so that one file holds the requests of all. */
export async function certifyHosts(
  parts: readonly { readonly connection: Connection; readonly services: readonly string[]; readonly renew?: readonly string[] }[],
  files: SiteFiles,
  passphrase: () => Promise<string>,
  now: Date,
): Promise<string[]> {
  let secret: Promise<string> | undefined
  const once = (): Promise<string> => (secret ??= passphrase())
  const said: string[] = []
  const stopped: Fault[] = []
  for (const { connection, services, renew } of parts) {
    try {
      said.push(`${connection.host.name}: ${await certify(connection, files, services, once, now, renew)}`)
    } catch (error) {
      if (!(error instanceof Fault) || !['E_CERTIFICATE', 'E_WAITING_FOR_CERTIFICATES'].includes(error.code)) throw error
      stopped.push(error)
    }
  }
  const [first] = stopped.toSorted((a, b) => (a.code < b.code ? -1 : 1))
  if (first)
    throw fault(first.code as 'E_CERTIFICATE', stopped.map((one) => one.message).join('; '), {
      ...first.detail,
      faults: stopped.flatMap((one) => one.detail.faults ?? []),
    })
  return said
}

function waiting(missing: readonly CertificateRequest[], file: string): Fault {
  return fault('E_WAITING_FOR_CERTIFICATES', `${missing.length} certificate(s) for ${missing[0]?.host} are not there yet`, {
    faults: missing.map(({ host, service, since }) => `${service} on ${host}, asked for since ${since}`),
    expected: `answers to ${file}`,
    next: `Send ${file} to the organisation’s PKI. Its answers: sallyport certificates import FOLDER --site DIR. Then the same command again.`,
  })
}

async function answers(
  files: SiteFiles,
  question: CertificateQuestion,
  requests: readonly CertificateRequest[],
  passphrase: () => Promise<string>,
  now: Date,
): Promise<Answered> {
  const { site, folder } = files
  if (site.pki.mode === 'waiting-for-certificates') return fromFolders(files, question, requests, now)
  if (requests.length === 0) return { issued: [], missing: [], faults: [] }
  const { issuing } = site.pki
  if (!issuing) throw fault('E_ISSUING_CA', 'site.yaml names no issuing CA')
  const opened = { issuing: siteFile(folder, issuing.certificate), issuingKey: siteFile(folder, issuing.key) }
  const issued = await answerWithIssuer(requests, await openIssuer(opened, await passphrase(), now), site.pki.days, now)
  for (const { service, chain } of issued) await keepIssued(folder, question.host, service, chain)
  return { issued, missing: [], faults: [] }
}

/** Looks for answers among what was found good before, and in the folder that answers are put into. */
async function fromFolders({ site, folder }: SiteFiles, question: CertificateQuestion, requests: readonly CertificateRequest[], now: Date): Promise<Answered> {
  const { inbox, issued } = certificatePaths(folder)
  const file = await noteRequests(folder, site, question.host, requests)
  if (requests.length === 0) return { issued: [], missing: [], faults: [], file }
  await mkdir(inbox, { recursive: true })
  await mkdir(join(issued, question.host), { recursive: true })
  const rule = {
    roots: certificatesIn(question.roots),
    issuing: certificatesIn(question.issuing),
    lists: revocationListsIn(question.lists),
    now,
  }
  const [kept, fresh] = [await readInbox(join(issued, question.host)), await readInbox(inbox)]
  const both = { certificates: [...kept.certificates, ...fresh.certificates], lists: [], faults: fresh.faults }
  const { answers: found, missing, faults } = matchAnswers(both, requests, rule)
  for (const { request, chain } of found) await keepIssued(folder, request.host, request.service, chain)
  return { issued: found.map(({ request, chain }) => ({ service: request.service, chain })), missing, faults, file }
}
