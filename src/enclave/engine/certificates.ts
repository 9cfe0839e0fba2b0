import { acceptCertificates, type IssuedCertificate } from '../pki/accept.ts'
import { requestCertificates, wantedFor, type CertificateRequest } from '../pki/request.ts'
import type { HostPaths } from '../paths.ts'

export interface CertificateQuestion {
  readonly host: string
  readonly services: readonly string[]
  readonly domain: string
  /** PEM of the organisation's root(s). */
  readonly roots: string
}

export async function certificatesWanted(paths: HostPaths, question: CertificateQuestion, now: Date): Promise<CertificateRequest[]> {
  return requestCertificates(paths, question.host, wantedFor(question.services, question.domain), question.roots, now)
}

export async function certificatesIssued(
  paths: HostPaths,
  question: CertificateQuestion & { readonly issued: readonly IssuedCertificate[] },
  now: Date,
): Promise<void> {
  await acceptCertificates(paths, wantedFor(question.services, question.domain), question.roots, question.issued, now)
}
