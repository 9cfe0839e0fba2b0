import { randomBytes, type KeyObject } from 'node:crypto'
import { string, strings, uint32, uint64 } from './ssh-wire.ts'

const CURVE = 'nistp384'
const KEY_TYPE = `ecdsa-sha2-${CURVE}`
const CERTIFICATE_TYPE = `${KEY_TYPE}-cert-v01@openssh.com`
/** PROTOCOL.certkeys: SSH_CERT_TYPE_USER. */
const USER = 1

/** Whoever's key signs: its public half as an SSH blob, and an SSH signature over some bytes. */
export interface Signer {
  readonly publicKey: Buffer
  readonly sign: (data: Buffer) => Promise<Buffer>
}

export interface UserCertificate {
  /** Line of the key that is certified: `ecdsa-sha2-nistp384 AAAA…`. */
  readonly key: string
  /** Shows in the hosts' logs. */
  readonly keyId: string
  readonly principals: readonly string[]
  readonly validAfter: Date
  readonly validBefore: Date
  /** The only address that may use it. */
  readonly sourceAddress: string
}

/** The public line of a P-384 key (RFC 5656 section 3.1). */
export function publicLine(key: KeyObject): string {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  return `${KEY_TYPE} ${Buffer.concat([string(KEY_TYPE), string(CURVE), string(point)]).toString('base64')}`
}

/**
 * An OpenSSH user certificate (PROTOCOL.certkeys) for a P-384 key, signed by an operator's key: no extension, so neither
 * a terminal nor forwarding of anything. Throws RangeError when the line holds another kind of key.
 */
export async function certifyUser(certificate: UserCertificate, signer: Signer): Promise<string> {
  const [type, curve, point] = strings(Buffer.from(certificate.key.split(' ')[1] ?? '', 'base64'))
  if (type?.toString() !== KEY_TYPE || curve?.toString() !== CURVE || !point) throw new RangeError('not a P-384 key')
  const body = Buffer.concat([
    string(CERTIFICATE_TYPE),
    string(randomBytes(32)),
    string(CURVE),
    string(point),
    uint64(0),
    uint32(USER),
    string(certificate.keyId),
    string(Buffer.concat(certificate.principals.map(string))),
    uint64(seconds(certificate.validAfter)),
    uint64(seconds(certificate.validBefore)),
    string(Buffer.concat([string('source-address'), string(string(certificate.sourceAddress))])),
    string(''),
    string(''),
    string(signer.publicKey),
  ])
  return `${CERTIFICATE_TYPE} ${Buffer.concat([body, string(await signer.sign(body))]).toString('base64')}`
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
