import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parserOf } from '../mesh/input/parse.ts'
import { fault } from './codes.ts'

/** One person at one enclave, as written in YAML; paths are relative to the file. */
interface ProfileDocument {
  readonly apiVersion: 'sallyport/v1'
  readonly kind: 'profile'
  /** `https://control-plane.example.mil` */
  readonly controlPlane: string
  /** Keycloak: `https://keycloak.example.mil:8444` */
  readonly identity: string
  /** PEM: the authorities that vouch for the services. */
  readonly ca: string
  /** PEM: the person's certificate, then its chain. */
  readonly certificate: string
  /** PEM, PKCS#8, encrypted or readable by its owner only. */
  readonly key: string
  readonly login?: Login
  readonly username?: string
  /** IP addresses of names this machine does not know. */
  readonly addresses?: Readonly<Record<string, string>>
}

/**
 * How somebody proves who they are, each time over a connection under their certificate: by that certificate alone, by
 * password and one-time code, by the certificate of a coalition partner, or in an emergency by certificate and sealed
 * password.
 */
export const LOGINS = ['certificate', 'otp', 'partner', 'break-glass'] as const
export type Login = (typeof LOGINS)[number]

/** A profile whose files were read and fit together. */
export interface Profile {
  readonly controlPlane: URL
  readonly identity: URL
  readonly ca: string
  readonly certificate: string
  readonly key: KeyObject
  /** `certificate` when absent. */
  readonly login?: Login
  /** Account for `otp`; the certificate's common name when absent. */
  readonly username?: string
  readonly addresses: Readonly<Record<string, string>>
}

const path = { type: 'string', minLength: 1 } as const
const https = { type: 'string', format: 'uri', pattern: '^https://' } as const

const parse = parserOf<ProfileDocument>({
  type: 'object',
  properties: {
    apiVersion: { const: 'sallyport/v1' },
    kind: { const: 'profile' },
    controlPlane: https,
    identity: https,
    ca: path,
    certificate: path,
    key: path,
    login: { enum: LOGINS },
    username: { type: 'string', minLength: 1, maxLength: 255 },
    addresses: {
      type: 'object',
      additionalProperties: { type: 'string', anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
    },
  },
  required: ['apiVersion', 'kind', 'controlPlane', 'identity', 'ca', 'certificate', 'key'],
  additionalProperties: false,
})

export type AskPassphrase = (question: string) => Promise<string>

/** Reads a profile and what it names. Throws E_PROFILE with every fault; `now` is what certificates are held against. */
export async function readProfile(file: string, ask: AskPassphrase, now = new Date()): Promise<Profile> {
  const { value, faults } = parse(await text(file, 'the profile'))
  if (value === undefined) throw fault('E_PROFILE', `the profile ${file} has ${faults.length} fault(s)`, { faults })
  const at = (name: string): string => resolve(dirname(file), name)
  const read = await Promise.allSettled([
    text(at(value.ca), 'ca'),
    text(at(value.certificate), 'certificate'),
    privateText(at(value.key)),
  ])
  const missing = read.flatMap((one) => (one.status === 'rejected' ? [String((one.reason as Error).message)] : []))
  if (missing.length > 0) throw fault('E_PROFILE', `the profile ${file} names files that cannot be used`, { faults: missing })
  const [ca, certificate, keyText] = read.map((one) => (one.status === 'fulfilled' ? one.value : '')) as [string, string, string]
  const key = await keyOf(keyText, at(value.key), ask)
  const wrong = certificateFaults(certificate, key, now)
  if (wrong.length > 0) throw fault('E_PROFILE', `the certificate of the profile ${file} cannot be used`, { faults: wrong })
  return {
    controlPlane: new URL(value.controlPlane),
    identity: new URL(value.identity),
    ca,
    certificate,
    key,
    ...(value.login === undefined ? {} : { login: value.login }),
    ...(value.username === undefined ? {} : { username: value.username }),
    addresses: value.addresses ?? {},
  }
}

async function text(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw fault('E_PROFILE', `${what}: ${(error as Error).message}`, { cause: error })
  }
}

/** As ssh does: a key that others may read is not used. */
async function privateText(file: string): Promise<string> {
  const content = await text(file, 'key')
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0 && !content.includes('ENCRYPTED'))
    throw fault('E_PROFILE', `key: ${file} is readable by others (mode ${(mode & 0o777).toString(8)}): chmod 600`)
  return content
}

async function keyOf(pem: string, file: string, ask: AskPassphrase): Promise<KeyObject> {
  const encrypted = pem.includes('ENCRYPTED')
  try {
    return createPrivateKey(encrypted ? { key: pem, passphrase: await ask(`Passphrase of ${file}`) } : pem)
  } catch (error) {
    if (!(error instanceof Error) || !('opensslErrorStack' in error || String((error as NodeJS.ErrnoException).code).startsWith('ERR_OSSL')))
      throw error
    throw fault('E_PROFILE', `the key ${file} cannot be read`, {
      found: encrypted ? 'another passphrase, or no PKCS#8 key' : 'no PKCS#8 key in PEM',
      cause: error,
    })
  }
}

function certificateFaults(pem: string, key: KeyObject, now: Date): string[] {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(pem)
  } catch {
    return ['certificate: no certificate in PEM']
  }
  const faults: string[] = []
  if (!leaf.checkPrivateKey(key)) faults.push('key: belongs to another certificate')
  if (leaf.validToDate < now) faults.push(`certificate: expired at ${leaf.validToDate.toISOString()}`)
  if (leaf.validFromDate > now) faults.push(`certificate: valid only from ${leaf.validFromDate.toISOString()}`)
  return faults
}
