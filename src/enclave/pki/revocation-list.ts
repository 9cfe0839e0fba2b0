import type { X509Certificate } from 'node:crypto'
import { oneLine, pemBlocks, pemOf } from './pem.ts'
import { REASONS, type Reason } from './issue.ts'
import { x509 } from './x509.ts'

const CRL_NUMBER = '2.5.29.20'
const DELTA = '2.5.29.27'
const DISTRIBUTION_POINT = '2.5.29.28'
/** Clocks differ; a list from this far in the future is still taken. */
const SKEW_MS = 5 * 60_000

/** One certificate revocation list (RFC 5280 section 5), read. */
export interface RevocationList {
  /** The issuer's name for a person, and as DER in hexadecimal to be compared. */
  readonly issuer: string
  readonly issuerName: string
  readonly number: bigint | undefined
  readonly thisUpdate: Date
  readonly nextUpdate: Date | undefined
  /** Serials in lower-case hexadecimal without leading zeros. */
  readonly revoked: ReadonlyMap<string, { readonly date: Date; readonly reason: number | undefined }>
  readonly pem: string
  readonly parsed: x509.X509Crl
}

/** Names of the reasons by their code (RFC 5280 5.3.1). */
export const REASON_NAMES: Readonly<Record<number, Reason>> = Object.fromEntries(
  Object.entries(REASONS).map(([name, code]) => [code, name as Reason]),
)

/** Reads a list from DER or from one PEM block. Throws what the parser says. */
export function revocationList(source: string | Buffer): RevocationList {
  const parsed = new x509.X509Crl(source)
  const revoked = new Map(
    parsed.entries.map((entry) => [serialOf(entry.serialNumber), { date: entry.revocationDate, reason: entry.reason as number | undefined }] as const),
  )
  return {
    issuer: parsed.issuer,
    issuerName: Buffer.from(parsed.issuerName.toArrayBuffer()).toString('hex'),
    number: numberOf(parsed),
    thisUpdate: parsed.thisUpdate,
    nextUpdate: parsed.nextUpdate,
    revoked,
    pem: pemOf('X509 CRL', parsed.rawData),
    parsed,
  }
}

/** Every list in PEM text. */
export function revocationListsIn(pem: string): RevocationList[] {
  return pemBlocks(pem, 'X509 CRL').map(revocationList)
}

/** A serial as it is compared: lower-case hexadecimal without leading zeros. */
export function serialOf(text: string): string {
  return text.toLowerCase().replace(/^0+(?=.)/, '')
}

/** The name under which lists of an authority are found. */
export function nameOf(authority: X509Certificate): string {
  return Buffer.from(new x509.X509Certificate(authority.raw).subjectName.toArrayBuffer()).toString('hex')
}

/** Which certificates of a path are revoked by these lists. */
export function revocationFaults(path: readonly X509Certificate[], lists: readonly RevocationList[]): string[] {
  return path.flatMap((one, depth) => {
    const issuer = path[depth + 1] ?? one
    const found = lists.filter((list) => list.issuerName === nameOf(issuer)).map((list) => list.revoked.get(serialOf(one.serialNumber)))
    const entry = found.find((each) => each !== undefined)
    return entry ? [`${oneLine(one.subject)} (serial ${serialOf(one.serialNumber)}) was revoked on ${entry.date.toISOString()}`] : []
  })
}

export interface ListExpectation {
  /** The list of the same issuer in force. */
  readonly held: RevocationList | undefined
  readonly now: Date
  /** Do not object to a list whose successor is due. */
  readonly mayBeLate?: boolean
}

/** Every reason not to take a list: not signed by one of these authorities, out of its time, a part only, or older than the one held. */
export async function listFaults(list: RevocationList, authorities: readonly X509Certificate[], { held, now, mayBeLate }: ListExpectation): Promise<string[]> {
  const faults: string[] = []
  const named = authorities.filter((one) => nameOf(one) === list.issuerName)
  if (named.length === 0) faults.push('its issuer is no authority of this site')
  else if (!(await signedBy(list, named))) faults.push('its issuer’s key did not sign it, or may not sign revocation lists')
  if (!list.nextUpdate) faults.push('it does not say when the next one comes')
  else if (list.nextUpdate <= now && !mayBeLate) faults.push(`the next one was due on ${list.nextUpdate.toISOString()}, now is ${now.toISOString()}`)
  if (list.thisUpdate.getTime() > now.getTime() + SKEW_MS) faults.push(`it is from ${list.thisUpdate.toISOString()}, now is ${now.toISOString()}`)
  const known = new Set([CRL_NUMBER, '2.5.29.35'])
  for (const extension of list.parsed.extensions) {
    if (extension.type === DELTA) faults.push('it is a delta list: only whole lists are taken')
    else if (extension.type === DISTRIBUTION_POINT && extension.critical) faults.push('it speaks for a part of the certificates only')
    else if (extension.critical && !known.has(extension.type)) faults.push(`it has the critical extension ${extension.type}, which is not known`)
  }
  if (list.number === undefined) faults.push('it has no number (RFC 5280 5.2.3)')
  else if (held?.number !== undefined && list.number < held.number) faults.push(`its number ${list.number} goes back behind ${held.number}`)
  else if (held?.number === list.number && held?.pem !== list.pem) faults.push(`another list has the same number ${list.number}`)
  return faults
}

async function signedBy(list: RevocationList, authorities: readonly X509Certificate[]): Promise<boolean> {
  for (const one of authorities) {
    const authority = new x509.X509Certificate(one.raw)
    const usage = authority.getExtension(x509.KeyUsagesExtension)?.usages
    if (!one.ca || (usage !== undefined && !(usage & x509.KeyUsageFlags.cRLSign))) continue
    if (await list.parsed.verify({ publicKey: authority }).catch(() => false)) return true
  }
  return false
}

function numberOf(list: x509.X509Crl): bigint | undefined {
  const value = list.getExtension(CRL_NUMBER)?.value
  if (!value) return undefined
  const der = Buffer.from(value)
  // INTEGER, at most 20 octets, positive (RFC 5280 5.2.3).
  if (der[0] !== 0x02 || der[1] !== der.length - 2 || der.length < 3 || der.length > 23 || (der[2] ?? 0) > 0x7f) return undefined
  return BigInt(`0x${der.subarray(2).toString('hex')}`)
}
