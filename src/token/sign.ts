import { createHash, verify, type KeyObject } from 'node:crypto'
import { printable } from '../bundle/printable.ts'
import { fault } from './codes.ts'
import { findKey, findToken, needUnlocked, type Token, type TokenKey } from './token.ts'
import { askToken } from './tool.ts'
import { parseTokenUri, type TokenUri } from './uri.ts'

/** Asks for the PIN of a token: a prompt, or a file. Is called once, and not for a token that is locked. */
export type AskPin = (question: string, file: string | undefined) => Promise<string>

export interface OpenToken {
  readonly publicKey?: KeyObject
  /** ECDSA P-384 with SHA-384, in DER. `holds` is the public key that it has to hold under. */
  sign(bytes: Uint8Array, holds: KeyObject): Buffer
}

/**
 * Finds the key that a URI names and makes ready to sign with it. The token is asked for a PIN once; it is logged in to
 * for each signature, so a token that is taken out meanwhile does not sign.
 * @throws E_TOKEN_…
 */
export async function openToken(text: string, askPin: AskPin): Promise<OpenToken> {
  const uri = parseTokenUri(text)
  const token = findToken(uri)
  needUnlocked(token)
  const last = token.flags.includes('final user PIN try') ? ', the last try before it locks' : ''
  const pin = await askPin(`PIN of the token ${printable(token.label, 80)}${last}`, uri.pinFile)
  const key = findKey(uri, token, pin)
  return { ...(key.publicKey ? { publicKey: key.publicKey } : {}), sign: (bytes, holds) => signed(uri, token, key, pin, bytes, holds) }
}

/** The token signs a digest made here: not every token hashes, and what is signed may be large. */
function signed(uri: TokenUri, { slot }: Token, { label, id }: TokenKey, pin: string, bytes: Uint8Array, holds: KeyObject): Buffer {
  const which = [...(label === '' ? [] : ['--label', label]), ...(id === '' ? [] : ['--id', id])]
  const words = ['--slot', String(slot), '--sign', '--mechanism', 'ECDSA', '--signature-format', 'openssl', ...which]
  const signature = askToken(words, { module: uri.module, pin, input: createHash('sha384').update(bytes).digest(), doing: 'signing' })
  if (!verify('sha384', bytes, holds, signature)) throw fault('E_TOKEN_OTHER_KEY', 'what the token signed does not hold under the public key of the key folder', { expected: 'a signature of public.p384.pem' })
  return signature
}
