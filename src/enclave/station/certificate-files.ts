import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import { endOf, type CertificateEnd } from '../pki/ends.ts'
import { assertNoKey, certificatesIn } from '../pki/pem.ts'
import { requestText } from '../pki/request-file.ts'
import type { CertificateRequest } from '../pki/request.ts'
import type { Site } from '../site/site.ts'

/**
 * What the folder of a site holds about certificates; no key among it but the delegated CA's, encrypted.
 *
 *   requests/<site>-requests.txt     goes out to the organisation's PKI
 *   requests/hosts/<host>.json       the same, one file a host, as it asked
 *   certificates/                    answers are put here, in any order, under any names
 *   pki/issued/<host>/<service>.pem  the last certificate of each service that was found good
 *   pki/crl.pem                      revocation lists in force
 *   pki/revoked.json                 what the delegated CA has revoked, and the number of its last list
 */
export function certificatePaths(folder: string) {
  return {
    requests: join(folder, 'requests'),
    asked: join(folder, 'requests', 'hosts'),
    inbox: join(folder, 'certificates'),
    issued: join(folder, 'pki', 'issued'),
    lists: join(folder, 'pki', 'crl.pem'),
    revoked: join(folder, 'pki', 'revoked.json'),
  } as const
}

/** Every open request of the site, as the hosts asked last. */
export async function openRequests(folder: string): Promise<CertificateRequest[]> {
  const { asked } = certificatePaths(folder)
  const files = (await readdir(asked).catch(() => [])).filter((name) => name.endsWith('.json')).sort()
  const all = await Promise.all(files.map(async (name) => JSON.parse(await readFile(join(asked, name), 'utf8')) as CertificateRequest[]))
  return all.flat()
}

/** Notes what a host asks for now, and writes the one file for the organisation's PKI anew. Answers its path. */
export async function noteRequests(folder: string, site: Site, host: string, requests: readonly CertificateRequest[]): Promise<string> {
  const { asked, requests: out } = certificatePaths(folder)
  const file = join(asked, `${host}.json`)
  if (requests.length === 0) await rm(file, { force: true })
  else {
    const text = `${JSON.stringify(requests, null, 2)}\n`
    assertNoKey(text, file)
    await writeDurably(file, text)
  }
  const open = await openRequests(folder)
  const path = join(out, `${site.name}-requests.txt`)
  if (open.length === 0) await rm(path, { force: true })
  else await writeDurably(path, requestText({ site: site.name, domain: site.domain, requests: open }))
  return path
}

export async function keepIssued(folder: string, host: string, service: string, chain: string): Promise<void> {
  await writeDurably(join(certificatePaths(folder).issued, host, `${service}.pem`), chain)
}

/** The certificate that a service of a host was given last, when this station gave it. */
export async function lastIssued(folder: string, host: string, service: string): Promise<X509Certificate | undefined> {
  const pem = await readIfPresent(join(certificatePaths(folder).issued, host, `${service}.pem`))
  return pem === undefined ? undefined : new X509Certificate(pem)
}

/** Fingerprints (SHA-256) of every certificate that was given to a service of this site last. */
export async function fingerprintsIssued(folder: string): Promise<Set<string>> {
  return new Set((await chainsIssued(folder)).flatMap(([leaf]) => (leaf ? [leaf.fingerprint256] : [])))
}

/** When the certificate ends that each service of this site was given last. */
export async function endsIssued(folder: string): Promise<CertificateEnd[]> {
  return (await chainsIssued(folder)).flatMap(([leaf]) => (leaf ? [endOf(leaf)] : []))
}

/** Authorities found above the certificates of this site: an organisation may have several issuing CAs. PEM, each once. */
export async function authoritiesAbove(folder: string): Promise<string> {
  const above = (await chainsIssued(folder)).flatMap(([, ...others]) => others)
  const found = new Map(above.map((one) => [one.fingerprint256, one.toString()]))
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, pem]) => pem).join('')
}

async function chainsIssued(folder: string): Promise<X509Certificate[][]> {
  const { issued } = certificatePaths(folder)
  const entries = await readdir(issued, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(files.map(async (file) => certificatesIn(await readFile(file, 'utf8'))))
}
