import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { fault } from '../codes.ts'

/** Who holds the other end of the TLS connection that the proxy ended. */
export interface Caller {
  /** SHA-256 of the certificate, base64url: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string
  /** Distinguished name as in RFC 4514, most specific part first: `CN=Ada Reader,O=Example`. */
  readonly subject: string
  /** DNS names of the certificate; a person's has none. */
  readonly dns: readonly string[]
  /** URIs of the certificate, for example a SPIFFE id. */
  readonly uris: readonly string[]
}

const HEADER = 'x-forwarded-client-cert'
const MOST_CHARACTERS = 16 * 1024
const MOST_NAMES = 64

/**
 * Reads `x-forwarded-client-cert` as Envoy writes it with `forward_client_cert_details: SANITIZE_SET`
 * (HTTP header manipulation, section x-forwarded-client-cert): exactly one element, `Key=Value` pairs between `;`, a
 * value with `,` `;` `=` or `"` in double quotes. Two elements mean that something besides the proxy wrote one: that,
 * a second `Hash`, an unknown key, or a certificate that is not what `Hash` says, refuses the request as a whole.
 * Throws E_MESH_TOKEN.
 */
export function callerOf(headers: IncomingHttpHeaders): Caller {
  const header = headers[HEADER]
  if (typeof header !== 'string' || header === '') throw refuse('the connection has no client certificate')
  if (header.length > MOST_CHARACTERS) throw refuse('the proxy’s word on the client certificate is too long')
  const pairs = pairsOf(header)
  const hash = only(pairs, 'Hash')
  if (!/^[0-9a-f]{64}$/.test(hash)) throw refuse('the proxy’s word on the client certificate has no usable Hash')
  const certificate = pairs.has('Cert') ? certificateOf(only(pairs, 'Cert')) : undefined
  if (certificate !== undefined && createHash('sha256').update(certificate.raw).digest('hex') !== hash) {
    throw refuse('the proxy’s word on the client certificate contradicts itself')
  }
  return {
    thumbprint: Buffer.from(hash, 'hex').toString('base64url'),
    subject: only(pairs, 'Subject'),
    dns: names(pairs, 'DNS', /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/),
    uris: names(pairs, 'URI', /^[a-z][a-z0-9+.-]*:[!-~]+$/),
  }
}

const KEYS = new Set(['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS'])

/** A quoted value is left as it stands between its quotes: the escapes of a subject are those of RFC 4514 themselves. */
const PAIR = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=\\]*))(;|$)/y

function pairsOf(header: string): Map<string, string[]> {
  const pairs = new Map<string, string[]>()
  PAIR.lastIndex = 0
  for (let more = true; more; ) {
    const found = PAIR.exec(header)
    if (found === null) throw refuse('the proxy’s word on the client certificate is not one whole element')
    const [, key = '', quoted, bare, end] = found
    if (!KEYS.has(key)) throw refuse('the proxy’s word on the client certificate has a key that it never writes')
    pairs.set(key, [...(pairs.get(key) ?? []), quoted ?? bare ?? ''])
    more = end === ';'
  }
  return pairs
}

function only(pairs: ReadonlyMap<string, readonly string[]>, key: string): string {
  const values = pairs.get(key) ?? []
  if (values.length !== 1) throw refuse(`the proxy’s word on the client certificate has ${values.length} times ${key}`)
  return values[0] ?? ''
}

function names(pairs: ReadonlyMap<string, readonly string[]>, key: string, shape: RegExp): readonly string[] {
  // A certificate without such a name makes an empty value.
  const values = (pairs.get(key) ?? []).filter((value) => value !== '')
  if (values.length > MOST_NAMES || values.some((value) => !shape.test(value))) {
    throw refuse(`the proxy’s word on the client certificate has a ${key} that is no name`)
  }
  return values
}

function certificateOf(encoded: string): X509Certificate {
  try {
    return new X509Certificate(decodeURIComponent(encoded))
  } catch {
    throw refuse('the proxy’s word on the client certificate holds no certificate')
  }
}

const refuse = (message: string): Error => fault('E_MESH_TOKEN', message)
