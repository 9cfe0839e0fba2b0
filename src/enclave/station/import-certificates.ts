import { Fault } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { readInbox } from '../pki/inbox.ts'
import { matchAnswers, strangerFault } from '../pki/match.ts'
import { certificatesIn } from '../pki/pem.ts'
import { revocationListsIn } from '../pki/revocation-list.ts'
import { fingerprintsIssued, keepIssued, openRequests } from './certificate-files.ts'
import { certify } from './certify.ts'
import { hostsNamed, onEachHost } from './hosts.ts'
import type { Secrets } from './session.ts'
import type { SiteFiles } from './site-files.ts'
import { tellEndsEverywhere } from './tell-ends.ts'
import { listsOf, trustOf } from './trust.ts'

export interface Imported {
  /** `service on host` */
  readonly taken: readonly string[]
  readonly missing: readonly { readonly service: string; readonly host: string; readonly since: string }[]
  /** Files that are no certificates but revocation lists. */
  readonly lists: readonly string[]
}

/**
 * Takes the answers of the organisation's PKI from a folder, in any order and under any names, and hands them to their hosts.
 * Every good one is taken; then E_CERTIFICATE names every fault of every file.
 */
export async function importCertificates(files: SiteFiles, folder: string, secrets: Secrets, now: Date): Promise<Imported> {
  const requests = await openRequests(files.folder)
  if (requests.length === 0)
    throw fault('E_CERTIFICATE', 'no certificate is awaited at this site', {
      expected: 'requests that a plan or sallyport certificates renew has made',
      found: 'none open',
      next: 'sallyport certificates status --site DIR',
    })
  const trust = await trustOf(files, now)
  const rule = {
    roots: certificatesIn(trust.roots),
    issuing: certificatesIn(trust.issuing),
    lists: revocationListsIn(await listsOf(files.folder)),
    now,
  }
  const inbox = await readInbox(folder)
  const { answers, missing, faults, strangers } = matchAnswers(inbox, requests, rule)
  // The office may send everything again: what was taken before is no fault.
  const before = await fingerprintsIssued(files.folder)
  for (const { request, chain } of answers) await keepIssued(files.folder, request.host, request.service, chain)
  const wrong = [...faults, ...strangers.filter(({ certificate }) => !before.has(certificate.fingerprint256)).map(strangerFault)]
  const hosts = [...new Set(answers.map(({ request }) => request.host))]
  const unreached = await handOver(files, secrets, hosts, requests, now).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error
    return [`${error.message}: what was found good is kept and handed over by the next import or plan`, ...(error.detail.faults ?? [])]
  })
  wrong.push(...unreached)
  if (wrong.length > 0)
    throw fault('E_CERTIFICATE', `${wrong.length} fault(s); ${answers.length} certificate(s) without a fault were taken`, {
      faults: [...wrong, ...missing.map(({ service, host }) => `still missing: ${service} on ${host}`)],
    })
  return {
    taken: answers.map(({ request }) => `${request.service} on ${request.host}`),
    missing: missing.map(({ service, host, since }) => ({ service, host, since })),
    lists: inbox.lists,
  }
}

async function handOver(
  files: SiteFiles,
  secrets: Secrets,
  hosts: readonly string[],
  requests: readonly { readonly host: string; readonly service: string }[],
  now: Date,
): Promise<readonly string[]> {
  const faults: string[] = []
  const chosen = hosts.flatMap((name) => hostsNamed(files.site, name))
  await onEachHost(files.site, secrets, chosen, async (connection) => {
    const services = requests.filter(({ host }) => host === connection.host.name).map(({ service }) => service)
    try {
      await certify(connection, files, services, secrets.issuingPassphrase, now)
    } catch (error) {
      if (!(error instanceof Fault) || !['E_CERTIFICATE', 'E_WAITING_FOR_CERTIFICATES'].includes(error.code)) throw error
      if (error.code === 'E_CERTIFICATE') faults.push(...(error.detail.faults ?? []))
    }
  })
  await tellEndsEverywhere(files, secrets, now)
  return faults
}
