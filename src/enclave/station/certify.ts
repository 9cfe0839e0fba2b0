import { fault } from '../codes.ts'
import type { CertificateQuestion } from '../engine/certificates.ts'
import { answerFromFolder, answerWithIssuer, writeRequests } from '../pki/answer.ts'
import { openIssuer } from '../pki/authority.ts'
import type { IssuedCertificate } from '../pki/accept.ts'
import type { CertificateRequest } from '../pki/request.ts'
import type { Connection } from '../remote/connection.ts'
import { siteFile } from '../site/read.ts'
import { askEngine } from './ask.ts'
import type { SiteFiles } from './site-files.ts'

/**
 * Keys are made on the host, requests come here, certificates go back. With a delegated CA they are signed at the
 * station; otherwise requests are written for the organisation's PKI, and its answers taken from a folder.
 */
export async function certify(
  connection: Connection,
  files: SiteFiles,
  services: readonly string[],
  passphrase: () => Promise<string>,
  now: Date,
): Promise<string> {
  const { site, folder, roots } = files
  const question: CertificateQuestion = { host: connection.host.name, services, domain: site.domain, roots }
  const requests = await askEngine<CertificateRequest[]>(connection, 'certificates', question)
  const issued = requests.length === 0 ? [] : await answers(files, requests, passphrase, now)
  await askEngine(connection, 'accept', { ...question, issued })
  if (issued.length === 0) return 'every certificate is valid'
  return `${issued.length} issued to ${issued.map((one) => one.service).join(', ')}${site.pki.mode === 'delegated-ca' ? '' : ` from ${folder}/certificates`}`
}

async function answers(
  { site, folder, roots }: SiteFiles,
  requests: readonly CertificateRequest[],
  passphrase: () => Promise<string>,
  now: Date,
): Promise<IssuedCertificate[]> {
  if (site.pki.mode === 'waiting-for-certificates') {
    await writeRequests(folder, site.name, requests)
    return answerFromFolder(folder, requests, roots, now)
  }
  const { issuing } = site.pki
  if (!issuing) throw fault('E_ISSUING_CA', 'site.yaml names no issuing CA')
  const opened = { issuing: siteFile(folder, issuing.certificate), issuingKey: siteFile(folder, issuing.key) }
  return answerWithIssuer(requests, await openIssuer(opened, await passphrase(), now), site.pki.days, now)
}
