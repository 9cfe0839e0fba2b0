import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import type { IssuedCertificate } from './accept.ts'
import { issue, type Issuer } from './authority.ts'
import { certificateFaults, certificatesIn } from './check.ts'
import type { CertificateRequest } from './request.ts'
import { x509 } from './x509.ts'

/** The station signs each request with the delegated issuing CA. Names come from the site, never from the request. */
export async function answerWithIssuer(
  requests: readonly CertificateRequest[],
  issuer: Issuer,
  days: number,
  now: Date,
): Promise<IssuedCertificate[]> {
  const issued: IssuedCertificate[] = []
  for (const { service, names, request } of requests) {
    const leaf = await issue(issuer, {
      publicKey: await provenKey(request, service),
      subject: `CN=${service}`,
      dnsNames: names,
      usage: ['server', 'client'],
      days,
      now,
    })
    issued.push({ service, chain: `${leaf}${issuer.certificate}` })
  }
  return issued
}

/** The public key of a request whose own signature proves that the asker holds the private key (RFC 2986). */
async function provenKey(pem: string, service: string): Promise<KeyObject> {
  const request = new x509.Pkcs10CertificateRequest(pem)
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1' || !(await request.verify()))
    throw fault('E_CERTIFICATE', `the request of ${service} is not signed by a P-384 key`)
  return key
}

/** Writes one text file for the organisation's PKI to read: what is asked, by whom, then each PKCS#10. */
export async function writeRequests(folder: string, site: string, requests: readonly CertificateRequest[]): Promise<string> {
  const path = join(folder, 'requests', `${site}-requests.txt`)
  const text = requests.map(({ host, service, names, request }) =>
    [
      `Certificate request for ${service} on ${host}`,
      `  subject   CN=${service}`,
      `  names     ${names.join(', ')}`,
      '  usage     TLS server and client authentication, digital signature',
      '  key       ECDSA P-384, made on the host, never leaves it',
      request,
    ].join('\n'),
  )
  await mkdir(join(folder, 'requests'), { recursive: true })
  await writeDurably(path, `${text.join('\n')}`)
  return path
}

/**
 * Takes issued certificates from `DIR/certificates/*.pem` (leaf first, then the chain), whatever their names: each is
 * found by the key of its request. Throws E_WAITING_FOR_CERTIFICATES while any is missing.
 */
export async function answerFromFolder(
  folder: string,
  requests: readonly CertificateRequest[],
  roots: string,
  now: Date,
): Promise<IssuedCertificate[]> {
  const place = join(folder, 'certificates')
  await mkdir(place, { recursive: true })
  const files = (await readdir(place)).filter((name) => /\.(pem|crt)$/.test(name)).sort()
  const chains = await Promise.all(files.map(async (name) => ({ name, chain: await readFile(join(place, name), 'utf8') })))
  const issued: IssuedCertificate[] = []
  const missing: string[] = []
  for (const { host, service, names, request } of requests) {
    const spki = Buffer.from(new x509.Pkcs10CertificateRequest(request).publicKey.rawData)
    const fitting = chains.filter(({ chain }) => certificatesIn(chain)[0]?.publicKey.export({ type: 'spki', format: 'der' }).equals(spki))
    const sound = fitting.find(({ chain }) => certificateFaults(chain, roots, { names, now }).length === 0)
    if (sound) issued.push({ service, chain: sound.chain })
    else if (fitting.length === 0) missing.push(`${service} on ${host}`)
    else
      throw fault('E_CERTIFICATE', `${fitting[0]?.name} cannot be used for ${service}`, {
        faults: certificateFaults(fitting[0]?.chain ?? '', roots, { names, now }),
      })
  }
  if (missing.length > 0) {
    const site = join(folder, 'requests')
    throw fault('E_WAITING_FOR_CERTIFICATES', `${missing.length} certificate(s) are not there yet`, {
      faults: missing,
      expected: `PEM files in ${place}, leaf first, then its chain`,
      next: `Send the file in ${site} to the organisation’s PKI, put its answers into ${place}, run the same command again.`,
    })
  }
  return issued
}
