import { createPublicKey, type KeyObject } from 'node:crypto'
import { fault } from '../codes.ts'
import type { IssuedCertificate } from './accept.ts'
import { issue, type Issuer } from './authority.ts'
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
  for (const { service, names, uri, request } of requests) {
    const leaf = await issue(issuer, {
      publicKey: await provenKey(request, service),
      subject: `CN=${service}`,
      dnsNames: names,
      ...(uri === undefined ? {} : { uri }),
      usage: ['server', 'client'],
      days,
      now,
    })
    issued.push({ service, chain: `${leaf}${issuer.certificate}` })
  }
  return issued
}

/** The public key of a request whose own signature proves that the asker holds the private key (RFC 2986). */
export async function provenKey(pem: string, service: string): Promise<KeyObject> {
  const request = new x509.Pkcs10CertificateRequest(pem)
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1' || !(await request.verify()))
    throw fault('E_CERTIFICATE', `the request of ${service} is not signed by a P-384 key`)
  return key
}
