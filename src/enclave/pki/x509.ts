import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

export { x509 }

/** CNSA 2.0's classical curve; certificates stay ECDSA until TLS stacks in Debian take ML-DSA. */
export const EC = { name: 'ECDSA', namedCurve: 'P-384' } as const
export const SIGNING = { name: 'ECDSA', hash: 'SHA-384' } as const

export const DAY_MS = 86_400_000

type CryptoKey = webcrypto.CryptoKey

/** A node:crypto private key as the WebCrypto key that the X.509 library signs with. */
export async function signingKey(key: KeyObject): Promise<CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), EC, false, ['sign'])
}

export async function publicKeyOf(key: KeyObject): Promise<CryptoKey> {
  const jwk = key.export({ format: 'jwk' })
  const { kty, crv, x, y } = jwk as webcrypto.JsonWebKey
  return webcrypto.subtle.importKey('jwk', { kty, crv, x, y } as webcrypto.JsonWebKey, EC, true, ['verify'])
}

export function privateKey(pem: string, passphrase?: string): KeyObject {
  return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
}

/** RFC 5280 4.1.2.2: positive, at most 20 octets, unpredictable. */
export function serialNumber(): string {
  const bytes = randomBytes(19)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
