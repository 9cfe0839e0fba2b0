import { joinHalves, newHalfKey, readHalfKey, readTokenUri, type HalfKey, type Role, type SigningKey } from '../bundle/keys.ts'
import { fault } from './codes.ts'
import { openToken, type AskPin } from './sign.ts'
import { SCHEME, parseTokenUri } from './uri.ts'

/** Where the two halves of a key are: a key folder, and the URI of what a token holds of it. */
export interface KeyPlace {
  readonly folder: string
  readonly uri?: string
}

/**
 * `named` is a key folder, which may hold the URI of a token, or such a URI itself, with x-key-folder. `resolve` makes
 * paths absolute. @throws E_TOKEN_URI, E_KEY_DIRECTORY
 */
export async function placeOf(named: string, resolve: (path: string) => string): Promise<KeyPlace> {
  if (!named.startsWith(SCHEME)) {
    const uri = await readTokenUri(resolve(named))
    return { folder: resolve(named), ...(uri === undefined ? {} : { uri }) }
  }
  const { folder } = parseTokenUri(named)
  if (folder === undefined) throw fault('E_TOKEN_URI', 'the URI does not say whose key it is', { expected: 'x-key-folder=DIR in its query: the folder with the public halves and the ML-DSA-87 half', next: 'pkcs11:token=LABEL;object=LABEL?module-path=/path/to/module.so&x-key-folder=DIR' })
  return { folder: resolve(folder), uri: named }
}

/** Opens both halves: the file by its passphrase first, then the token by its PIN. @throws E_PASSPHRASE, E_TOKEN_… */
export async function openTokenKey({ folder, uri }: Required<KeyPlace>, passphrase: string, askPin: AskPin): Promise<SigningKey> {
  const half = await readHalfKey(folder, passphrase, uri)
  const token = await openToken(uri, askPin)
  if (token.publicKey && !token.publicKey.equals(half.keys.p384)) throw fault('E_TOKEN_OTHER_KEY', `the key in the token is not public.p384.pem of ${folder}`)
  return joinHalves(half, (bytes) => token.sign(bytes, half.keys.p384))
}

const TRIAL = Buffer.from('sallyport: does this key sign?\n')

/** A new key around one that a token holds, after the token has signed with it. @throws E_TOKEN_… */
export async function newTokenKey(person: string, role: Role, uri: string, askPin: AskPin): Promise<HalfKey> {
  const token = await openToken(uri, askPin)
  if (!token.publicKey) throw fault('E_TOKEN_KEY', 'the token holds no public key beside the private one', { expected: 'a public key object with the same id' })
  token.sign(TRIAL, token.publicKey)
  return newHalfKey(person, role, token.publicKey, uri)
}
