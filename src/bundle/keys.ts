import { createPrivateKey, createPublicKey, generateKeyPair, sign, type KeyObject } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fault } from './codes.ts'
import { sha512 } from './digest.ts'
import { ioFault, readRegular } from './io.ts'
import { encryptPkcs8 } from './pkcs8.ts'
import { line, matching, oneOf, recordOf } from './shape.ts'
import { parseStrict, serialise } from './strict-json.ts'

/** Both are required for every signature (CNSA 2.0). */
export const ALGORITHMS = ['mldsa87', 'p384'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export const ROLES = ['root', 'publisher', 'accreditor', 'site'] as const
export type Role = (typeof ROLES)[number]

export type KeyPair = Readonly<Record<Algorithm, KeyObject>>

export interface PublicKey {
  /** The first 16 hex digits of sha512 over both SPKI DERs, ML-DSA-87 first. */
  readonly keyId: string
  readonly person: string
  readonly role: Role
  readonly keys: KeyPair
}

/** Signs for its person, with each half. Synchronous: a token's program is waited for, and nothing else is to be done meanwhile. */
export interface SigningKey extends PublicKey {
  sign(algorithm: Algorithm, bytes: Uint8Array): Buffer
}

export interface PrivateKey extends SigningKey {
  readonly secrets: KeyPair
}

/** A key whose P-384 half lies in a token, where `token`, a PKCS#11 URI (RFC 7512), says; the other half is here. */
export interface HalfKey extends PublicKey {
  readonly secrets: Pick<KeyPair, 'mldsa87'>
  readonly token: string
}

/** Names of the files in a key folder. */
const FILES = {
  card: 'key.json',
  public: (algorithm: Algorithm) => `public.${algorithm}.pem`,
  private: (algorithm: Algorithm) => `private.${algorithm}.pem`,
  token: 'private.p384.uri',
}

const KEY_TYPE = 'application/vnd.sallyport.key.v1+json'
export const KEY_ID = /^[0-9a-f]{16}$/
const CARD = recordOf({
  type: oneOf(KEY_TYPE),
  keyId: matching(KEY_ID, '16 hex digits'),
  person: line,
  role: oneOf(...ROLES),
})

/** Greatest size of a key file: ML-DSA-87 in PEM takes 3.6 kB public, 7 kB private. */
const KEY_LIMIT = 32 << 10
const PASSPHRASE_LENGTH = 12

export function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

export function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

export function keyIdOf(keys: KeyPair): string {
  return sha512(Buffer.concat([spki(keys.mldsa87), spki(keys.p384)])).slice(0, 16)
}

/** Undefined when the text is no public key of this algorithm. */
export function parsePublic(algorithm: Algorithm, text: string | Buffer): KeyObject | undefined {
  try {
    const key = createPublicKey(text)
    const right =
      algorithm === 'mldsa87'
        ? key.asymmetricKeyType === 'ml-dsa-87'
        : key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
    return right ? key : undefined
  } catch {
    return undefined
  }
}

const generate = promisify(generateKeyPair) as (
  type: string,
  options?: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>

export async function newKey(person: string, role: Role): Promise<PrivateKey> {
  const mldsa87 = await generate('ml-dsa-87')
  const p384 = await generate('ec', { namedCurve: 'P-384' })
  const keys = { mldsa87: mldsa87.publicKey, p384: p384.publicKey }
  const secrets = { mldsa87: mldsa87.privateKey, p384: p384.privateKey }
  return { keyId: keyIdOf(keys), person: person.normalize('NFC'), role, keys, secrets, sign: signingWith(secrets) }
}

/** A new ML-DSA-87 half beside the P-384 half that a token holds. */
export async function newHalfKey(person: string, role: Role, p384: KeyObject, token: string): Promise<HalfKey> {
  const mldsa87 = await generate('ml-dsa-87')
  const keys = { mldsa87: mldsa87.publicKey, p384 }
  return { keyId: keyIdOf(keys), person: person.normalize('NFC'), role, keys, secrets: { mldsa87: mldsa87.privateKey }, token }
}

/**
 * Pure ML-DSA-87 without context (FIPS 204) and ECDSA P-384 with SHA-384 in DER (FIPS 186-5), as raw bytes. What keeps
 * a signature from serving another document is the `type` inside the signed bytes.
 */
function signingWith(secrets: KeyPair): SigningKey['sign'] {
  return (algorithm, bytes) => sign(algorithm === 'mldsa87' ? null : 'sha384', bytes, secrets[algorithm])
}

/** `p384` signs for the half in the token. */
export function joinHalves({ keyId, person, role, keys, secrets }: HalfKey, p384: (bytes: Uint8Array) => Buffer): SigningKey {
  return { keyId, person, role, keys, sign: (algorithm, bytes) => (algorithm === 'mldsa87' ? sign(null, bytes, secrets.mldsa87) : p384(bytes)) }
}

/**
 * Writes a key folder, private halves encrypted; or, with a passphrase of null, the public half only. Of a half in a
 * token only its URI is written.
 * @throws E_KEY_DIRECTORY when `directory` exists, E_PASSPHRASE_WEAK
 */
export async function writeKey(
  directory: string,
  key: PublicKey | PrivateKey | HalfKey,
  passphrase: string | null,
): Promise<void> {
  if (passphrase !== null && passphrase.length < PASSPHRASE_LENGTH) {
    throw fault('E_PASSPHRASE_WEAK', 'the passphrase is too short', {
      expected: `at least ${PASSPHRASE_LENGTH} characters`,
      found: `${passphrase.length}`,
    })
  }
  if (await stat(directory).catch(() => undefined)) {
    throw fault('E_KEY_DIRECTORY', `${directory} exists already; a key is never overwritten`)
  }
  const files: [name: string, content: string | Buffer, mode: number][] = []
  for (const algorithm of ALGORITHMS) {
    files.push([FILES.public(algorithm), pem(key.keys[algorithm]), 0o644])
    if (passphrase === null || !('secrets' in key)) continue
    const secret = (key.secrets as Partial<KeyPair>)[algorithm]
    if (secret) files.push([FILES.private(algorithm), encryptPkcs8(secret, passphrase), 0o600])
    else if ('token' in key) files.push([FILES.token, `${key.token}\n`, 0o600])
  }
  const { keyId, person, role } = key
  files.push([FILES.card, serialise({ type: KEY_TYPE, keyId, person, role }), 0o644])
  const partial = `${directory}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true, mode: 0o700 })
    for (const [name, content, mode] of files) {
      const handle = await open(join(partial, name), 'wx', mode)
      await handle
        .writeFile(content)
        .then(() => handle.sync())
        .finally(() => handle.close())
    }
    await rename(partial, directory)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw ioFault(error, `writing the key ${directory}`)
  }
}

async function need(directory: string, name: string): Promise<Buffer> {
  const bytes = await readRegular(join(directory, name), KEY_LIMIT)
  if (!bytes) throw fault('E_KEY_DIRECTORY', `${directory} does not hold ${name}`)
  return bytes
}

/** Reads the public half of a key folder. @throws E_KEY_DIRECTORY with every fault, E_JSON_STRICT */
export async function readPublicKey(directory: string): Promise<PublicKey> {
  const card = parseStrict(await need(directory, FILES.card), { what: `${directory}/key.json`, limit: KEY_LIMIT })
  const faults: string[] = []
  CARD(card, '', faults)
  const keys: Partial<Record<Algorithm, KeyObject>> = {}
  for (const algorithm of ALGORITHMS) {
    const key = parsePublic(algorithm, await need(directory, FILES.public(algorithm)))
    if (key) keys[algorithm] = key
    else faults.push(`${FILES.public(algorithm)}: is not a public key for ${algorithm}`)
  }
  const { keyId, person, role } = card as PublicKey
  if (faults.length === 0 && keyIdOf(keys as KeyPair) !== keyId) {
    faults.push(`key.json: keyId is ${keyId}, the public keys give ${keyIdOf(keys as KeyPair)}`)
  }
  if (faults.length > 0) throw fault('E_KEY_DIRECTORY', `${directory} does not hold a usable key`, { faults })
  return { keyId, person: person.normalize('NFC'), role, keys: keys as KeyPair }
}

/** @throws E_KEY_DIRECTORY, E_PASSPHRASE */
export async function readPrivateKey(directory: string, passphrase: string): Promise<PrivateKey> {
  const key = await readPublicKey(directory)
  const secrets = {
    mldsa87: await readSecret(directory, 'mldsa87', key, passphrase),
    p384: await readSecret(directory, 'p384', key, passphrase),
  }
  return { ...key, secrets, sign: signingWith(secrets) }
}

/** The URI of the P-384 half in a key folder; undefined when that half is a file. @throws E_KEY_DIRECTORY */
export async function readTokenUri(directory: string): Promise<string | undefined> {
  const bytes = await readRegular(join(directory, FILES.token), KEY_LIMIT)
  if (!bytes) return undefined
  if (await stat(join(directory, FILES.private('p384'))).catch(() => undefined)) {
    throw fault('E_KEY_DIRECTORY', `${directory} says twice where its P-384 half lies`, { faults: [FILES.token, FILES.private('p384')] })
  }
  return bytes.toString().trim()
}

/** What of a key lies in its folder, when `token` holds the rest. @throws E_KEY_DIRECTORY, E_PASSPHRASE */
export async function readHalfKey(directory: string, passphrase: string, token: string): Promise<HalfKey> {
  const key = await readPublicKey(directory)
  return { ...key, secrets: { mldsa87: await readSecret(directory, 'mldsa87', key, passphrase) }, token }
}

async function readSecret(directory: string, algorithm: Algorithm, key: PublicKey, passphrase: string): Promise<KeyObject> {
  const text = await need(directory, FILES.private(algorithm))
  let secret: KeyObject
  try {
    secret = createPrivateKey({ key: text, format: 'pem', passphrase })
  } catch (cause) {
    throw fault('E_PASSPHRASE', `the passphrase does not open ${directory}/${FILES.private(algorithm)}`, { cause })
  }
  if (!spki(createPublicKey(secret)).equals(spki(key.keys[algorithm]))) {
    throw fault('E_KEY_DIRECTORY', `${directory}: private and public ${algorithm} keys do not belong together`)
  }
  return secret
}
