import { readFile } from 'node:fs/promises'
import { fault } from '../codes.ts'
import type { CertificateQuestion } from '../engine/certificates.ts'
import { readIfPresent } from '../journal/durable.ts'
import { partnerFaults } from '../pki/partner.ts'
import { certificatesIn } from '../pki/pem.ts'
import type { Trust } from '../pki/trust-files.ts'
import { siteFile } from '../site/read.ts'
import { authoritiesAbove, certificatePaths, endsIssued } from './certificate-files.ts'
import type { SiteFiles } from './site-files.ts'

/** Who may vouch for a certificate at this site: roots, issuing CAs, partners. Throws E_PARTNER with every fault. */
export async function trustOf({ folder, site, roots }: SiteFiles, now: Date): Promise<Trust> {
  const declared = site.pki.issuing ? await readFile(siteFile(folder, site.pki.issuing.certificate), 'utf8') : ''
  const issuing = new Map(certificatesIn(`${declared}\n${await authoritiesAbove(folder)}`).map((one) => [one.fingerprint256, one]))
  for (const root of certificatesIn(roots)) issuing.delete(root.fingerprint256)
  const rule = {
    roots: certificatesIn(roots),
    issuing: [...issuing.values()],
    domain: site.domain,
    identity: site.pki.identity ?? ('dns' as const),
    now,
  }
  const partners: string[] = []
  const faults: string[] = []
  for (const { name, certificate } of site.pki.partners ?? []) {
    const pem = await readFile(siteFile(folder, certificate), 'utf8').catch((error: NodeJS.ErrnoException) => {
      faults.push(`${name}: ${certificate} cannot be read (${error.code ?? error.message})`)
      return undefined
    })
    if (pem === undefined) continue
    faults.push(...partnerFaults(pem, rule).map((text) => `${name}: ${text}`))
    partners.push(pem.endsWith('\n') ? pem : `${pem}\n`)
  }
  if (faults.length > 0) throw fault('E_PARTNER', `${faults.length} fault(s) in the certificates of partners`, { faults })
  return { roots, issuing: [...issuing.values()].map((one) => one.toString()).join(''), partners: partners.join('') }
}

/** The revocation lists in force at this site, PEM; empty when it uses none. */
export async function listsOf(folder: string): Promise<string> {
  return (await readIfPresent(certificatePaths(folder).lists)) ?? ''
}

/** What a host is told with every question about certificates. */
export async function questionFor(files: SiteFiles, host: string, services: readonly string[], now: Date): Promise<CertificateQuestion> {
  const { site, folder } = files
  const identity = site.pki.identity ?? 'dns'
  return { host, services, domain: site.domain, identity, ...(await trustOf(files, now)), lists: await listsOf(folder), ends: await endsIssued(folder) }
}
