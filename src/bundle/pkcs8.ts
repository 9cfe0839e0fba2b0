import { createCipheriv, pbkdf2Sync, randomBytes, type KeyObject } from 'node:crypto'

/**
 * OWASP's figure for PBKDF2-HMAC-SHA-512 (2023). Node's own export of encrypted PKCS#8 leaves OpenSSL's default of
 * 2,048 rounds, which is why the wrapping is written out here.
 */
const ITERATIONS = 210_000

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const size = body.byteLength
  if (size < 0x80) return Buffer.concat([Buffer.from([tag, size]), body])
  const hex = size.toString(16)
  const length = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.byteLength]), length, body])
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts)
const octets = (bytes: Uint8Array) => der(0x04, bytes)
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const NULL = Buffer.from([0x05, 0x00])

/** Contents of the object identifiers, as DER writes them. */
const OID = {
  pbes2: '2a864886f70d01050d',
  pbkdf2: '2a864886f70d01050c',
  hmacSha512: '2a864886f70d020b',
  aes256cbc: '60864801650304012a',
} as const

/**
 * EncryptedPrivateKeyInfo (RFC 5958 section 3) in PEM under PBES2 (RFC 8018): PBKDF2 with HMAC-SHA-512, AES-256-CBC.
 * openssl and node:crypto read it.
 */
export function encryptPkcs8(key: KeyObject, passphrase: string): string {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const secret = pbkdf2Sync(passphrase, salt, ITERATIONS, 32, 'sha512')
  const cipher = createCipheriv('aes-256-cbc', secret, iv)
  const clear = key.export({ type: 'pkcs8', format: 'der' })
  const sealed = Buffer.concat([cipher.update(clear), cipher.final()])
  secret.fill(0)
  clear.fill(0)
  const rounds = der(0x02, Buffer.from(ITERATIONS.toString(16).padStart(6, '0'), 'hex'))
  const derivation = sequence(oid(OID.pbkdf2), sequence(octets(salt), rounds, sequence(oid(OID.hmacSha512), NULL)))
  const scheme = sequence(oid(OID.aes256cbc), octets(iv))
  const info = sequence(sequence(oid(OID.pbes2), sequence(derivation, scheme)), octets(sealed))
  const text = info.toString('base64').replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${text}-----END ENCRYPTED PRIVATE KEY-----\n`
}
