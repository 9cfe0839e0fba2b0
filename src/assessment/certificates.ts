import { Fault } from '../bundle/fault.ts'
import type { CertificateHeld, CertificateQuestion, HostCertificates } from '../enclave/engine/certificates.ts'
import { oneLine } from '../enclave/pki/pem.ts'
import { listFaults, nameOf, revocationListsIn } from '../enclave/pki/revocation-list.ts'
import { authoritiesOf, type Trust } from '../enclave/pki/trust-files.ts'
import type { Connection } from '../enclave/remote/connection.ts'
import { servicesOf } from '../enclave/site/services.ts'
import { askEngine } from '../enclave/station/ask.ts'
import type { SiteFiles } from '../enclave/station/site-files.ts'
import { questionFor } from '../enclave/station/trust.ts'
import type { Asked } from './observe/facts.ts'

/** Certificates of a host as the engine there judges them, and its revocation lists as they are judged here. */
export interface Certificates {
  readonly services: readonly CertificateHeld[]
  readonly lists: { readonly faults: readonly string[]; readonly seen: readonly string[] }
}

export async function certificatesOf(connection: Connection, files: SiteFiles, now: Date): Promise<Asked<Certificates>> {
  try {
    const { name, roles } = connection.host
    const question: CertificateQuestion = await questionFor(files, name, servicesOf(roles), now)
    const { services, lists } = await askEngine<HostCertificates>(connection, 'certificates-held', question)
    return { answer: { services, lists: await judgeLists(lists, question, now) } }
  } catch (error) {
    if (error instanceof Fault) return { why: error.message }
    throw error
  }
}

/** Holds the lists of a host, PEM, against the authorities of the site: each needs one that is good now. */
export async function judgeLists(pem: string, trust: Trust, now: Date): Promise<Certificates['lists']> {
  const authorities = authoritiesOf(trust)
  const lists = revocationListsIn(pem)
  const faults: string[] = []
  const seen: string[] = []
  for (const list of lists) {
    for (const fault of await listFaults(list, authorities, { held: undefined, now })) faults.push(`the list of ${oneLine(list.issuer)}: ${fault}`)
    seen.push(`${oneLine(list.issuer)}: number ${list.number}, next one due ${list.nextUpdate?.toISOString() ?? 'never'}, ${list.revoked.size} revoked`)
  }
  for (const authority of authorities) if (!lists.some((list) => list.issuerName === nameOf(authority))) faults.push(`no list of ${oneLine(authority.subject)} is in force`)
  return { faults, seen }
}
