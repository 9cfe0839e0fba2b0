import { createHash } from 'node:crypto'
import { assertNoKey } from './pem.ts'
import type { CertificateRequest } from './request.ts'

const LINE = '='.repeat(78)

export interface RequestFile {
  readonly site: string
  readonly domain: string
  readonly requests: readonly CertificateRequest[]
}

/**
 * The one text file that goes to the organisation's PKI: a header (site, date, count, digest of all below the line), then
 * for each request who asks, for which names, the key's fingerprint, and the PKCS#10. The same requests give the same bytes.
 */
export function requestText({ site, domain, requests }: RequestFile): string {
  const sorted = requests.toSorted((a, b) => (`${a.host} ${a.service}` < `${b.host} ${b.service}` ? -1 : 1))
  const body = sorted.map((one, index) => entry(one, index + 1, sorted.length)).join('\n')
  const date = sorted.map(({ since }) => since).toSorted().at(-1) ?? ''
  const header = [
    'Certificate requests of a Sallyport site',
    `  site      ${site}, domain ${domain}`,
    `  date      ${date}`,
    `  requests  ${sorted.length}`,
    `  sha512    ${createHash('sha512').update(body).digest('hex')}`,
    '            of everything below the line: tail -n +14 FILE | sha512sum',
    '',
    'Please issue one certificate for each request, with exactly the names listed, ECDSA P-384 as in the request, key',
    'usage digital signature (critical), extended key usage TLS server and client authentication, and nothing else; and send',
    'back each certificate with the authorities above it, and the current revocation lists. File names and order do not',
    'matter. This file holds public keys only: no private key has left its host.',
    '',
    LINE,
    '',
  ].join('\n')
  const text = `${header}${body}`
  assertNoKey(text, 'the file of certificate requests')
  return text
}

function entry({ host, service, names, uri, request, fingerprint, since, reason }: CertificateRequest, at: number, of: number): string {
  return [
    `Request ${at} of ${of}`,
    `  host      ${host}`,
    `  service   ${service}`,
    `  subject   CN=${service}`,
    `  names     ${[...names.map((name) => `DNS:${name}`), ...(uri === undefined ? [] : [`URI:${uri}`])].join(', ')}`,
    `  key       ECDSA P-384, SHA-256 of the public key ${fingerprint}`,
    `  asked     ${since}: ${reason}`,
    request,
  ].join('\n')
}
