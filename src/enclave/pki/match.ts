import { createHash, X509Certificate } from 'node:crypto'
import { leafFaults } from './check.ts'
import type { Inbox } from './inbox.ts'
import { oneLine } from './pem.ts'
import type { CertificateRequest } from './request.ts'
import type { RevocationList } from './revocation-list.ts'
import { x509 } from './x509.ts'

export interface Answer {
  readonly request: CertificateRequest
  /** File the leaf came in. */
  readonly file: string
  /** Leaf, then what leads to a root, without the root. PEM. */
  readonly chain: string
}

export interface Matched {
  readonly answers: readonly Answer[]
  readonly missing: readonly CertificateRequest[]
  /** `file: what is wrong`, every fault of every file. */
  readonly faults: readonly string[]
  /** Leaves that answer no request. */
  readonly strangers: readonly { readonly file: string; readonly certificate: X509Certificate }[]
}

export interface MatchRule {
  readonly roots: readonly X509Certificate[]
  /** Authorities known besides those in the inbox. */
  readonly issuing: readonly X509Certificate[]
  readonly lists: readonly RevocationList[]
  readonly now: Date
}

/** Finds for each request the certificate made for its key, whatever file it is in, and checks it. */
export function matchAnswers(inbox: Inbox, requests: readonly CertificateRequest[], rule: MatchRule): Matched {
  const byKey = new Map(requests.map((request) => [keyOf(request), request]))
  const authorities = distinct([...inbox.certificates.map((one) => one.certificate).filter((one) => one.ca), ...rule.issuing])
  const answers = new Map<CertificateRequest, Answer>()
  const faults: string[] = [...inbox.faults]
  const strangers: Matched['strangers'][number][] = []
  for (const { file, certificate } of inbox.certificates) {
    const request = byKey.get(fingerprintOf(certificate))
    if (!request) {
      if (!certificate.ca) strangers.push({ file, certificate })
      continue
    }
    const expected = { wanted: request, now: rule.now, lists: rule.lists }
    const path = leafFaults(certificate, authorities, rule.roots, expected)
    faults.push(...path.faults.map((text) => `${file}: for ${request.service} on ${request.host}: ${text}`))
    if (path.faults.length > 0) continue
    const chain = path.certificates.slice(0, -1).map((one) => one.toString()).join('')
    const before = answers.get(request)
    // Issued twice: the one that lives longest.
    if (!before || new X509Certificate(before.chain).validToDate < certificate.validToDate) answers.set(request, { request, file, chain })
  }
  return { answers: [...answers.values()], missing: requests.filter((one) => !answers.has(one)), faults, strangers }
}

/** Why a certificate that answers no request is of no use here. */
export function strangerFault({ file, certificate }: Matched['strangers'][number]): string {
  return `${file}: ${oneLine(certificate.subject)} is for no key that is waiting on a host of this site`
}

function keyOf({ request }: CertificateRequest): string {
  const { rawData } = new x509.Pkcs10CertificateRequest(request).publicKey
  return createHash('sha256').update(Buffer.from(rawData)).digest('hex')
}

function fingerprintOf(certificate: X509Certificate): string {
  try {
    return createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex')
  } catch {
    return 'a key that cannot be read'
  }
}

function distinct(certificates: readonly X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((one) => [one.fingerprint256, one])).values()]
}
