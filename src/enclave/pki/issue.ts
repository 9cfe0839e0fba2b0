import type { KeyObject } from 'node:crypto'
import { pemOf } from './pem.ts'
import { DAY_MS, publicKeyOf, serialNumber, signingKey, SIGNING, x509 } from './x509.ts'

/** Clocks of hosts differ a little; a certificate valid from this second would be refused by some. */
export const BACKDATE_MS = 3_600_000
const CRL_NUMBER = '2.5.29.20'

/** An issuing CA at the station: its certificate, the chain above it, and the key in memory. */
export interface Issuer {
  readonly certificate: string
  readonly key: KeyObject
}

export interface LeafRequest {
  readonly publicKey: KeyObject
  /** Relative distinguished names, most general last as they are printed: `CN=ana,O=Org`. */
  readonly subject: string
  readonly dnsNames?: readonly string[]
  readonly uri?: string
  readonly email?: string
  readonly usage: readonly ('server' | 'client')[]
  readonly days: number
  readonly now: Date
}

/** Issues one end-entity certificate (RFC 5280), PEM. It never outlives its issuer. */
export async function issue(issuer: Issuer, request: LeafRequest): Promise<string> {
  const above = new x509.X509Certificate(issuer.certificate)
  const publicKey = await publicKeyOf(request.publicKey)
  const wanted = new Date(request.now.getTime() + request.days * DAY_MS)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: request.subject,
    issuer: above.subjectName,
    notBefore: new Date(Math.max(request.now.getTime() - BACKDATE_MS, above.notBefore.getTime())),
    notAfter: wanted < above.notAfter ? wanted : above.notAfter,
    publicKey,
    signingKey: await signingKey(issuer.key),
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        request.usage.map((use) => (use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth)),
      ),
      ...alternativeNames(request),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(above.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}


function alternativeNames({ dnsNames = [], uri, email }: LeafRequest): x509.SubjectAlternativeNameExtension[] {
  const names = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...(uri === undefined ? [] : [{ type: 'url' as const, value: uri }]),
    ...(email === undefined ? [] : [{ type: 'email' as const, value: email }]),
  ]
  return names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []
}

/** RFC 5280 5.3.1; `removeFromCRL` and `certificateHold` are not for lists that only grow. */
export const REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const
export type Reason = keyof typeof REASONS

export interface Revocation {
  /** Hexadecimal. */
  readonly serial: string
  /** ISO 8601. */
  readonly date: string
  readonly reason: Reason
}

export interface ListRequest {
  readonly revoked: readonly Revocation[]
  /** Greater than that of every list before it (RFC 5280 5.2.3). */
  readonly number: bigint
  readonly days: number
  readonly now: Date
}

/** Issues the whole list of what an authority has revoked (RFC 5280 section 5), PEM. */
export async function issueList(issuer: Issuer, { revoked, number, days, now }: ListRequest): Promise<string> {
  const above = new x509.X509Certificate(issuer.certificate)
  const list = await x509.X509CrlGenerator.create({
    issuer: above.subjectName,
    thisUpdate: new Date(now.getTime() - BACKDATE_MS),
    nextUpdate: new Date(now.getTime() + days * DAY_MS),
    entries: revoked.map(({ serial, date, reason }) => ({
      serialNumber: serial,
      revocationDate: new Date(date),
      // RFC 5280 says that unspecified is not written. The library would then leave an empty list of extensions, which
      // BoringSSL refuses together with the whole list: since when the key is not trusted stands there instead.
      ...(reason === 'unspecified' ? { invalidity: new Date(date) } : { reason: REASONS[reason] as number as x509.X509CrlReason }),
    })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(above.publicKey), new x509.Extension(CRL_NUMBER, false, integer(number))],
    signingAlgorithm: SIGNING,
    signingKey: await signingKey(issuer.key),
  })
  return pemOf('X509 CRL', list.rawData)
}

/** DER INTEGER of a positive number. */
function integer(number: bigint): Uint8Array<ArrayBuffer> {
  const hex = number.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  const positive = Number.parseInt(even.slice(0, 2), 16) > 0x7f ? `00${even}` : even
  return Uint8Array.from([0x02, positive.length / 2, ...Buffer.from(positive, 'hex')])
}
