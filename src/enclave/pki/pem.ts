import { X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----/g

/** The blocks of one kind in a text, each with its lines, in order. */
export function pemBlocks(text: string, label: string): string[] {
  return [...text.matchAll(BLOCK)].filter(([, kind]) => kind === label).map(([block]) => block)
}

/** Splits PEM text into certificates, in order. Throws what OpenSSL says of one that is none. */
export function certificatesIn(pem: string): X509Certificate[] {
  return pemBlocks(pem, 'CERTIFICATE').map((block) => new X509Certificate(block))
}

/** DER as a PEM block (RFC 7468). */
export function pemOf(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** What is in a text that must never hold a private key: throws when it does, whatever the key's format. */
export function assertNoKey(text: string, what: string): void {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) throw new Error(`a private key was about to leave in ${what}`)
}

/** A distinguished name on one line, most general last. */
export function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}
