import { isAbsolute } from 'node:path'
import { fault } from './codes.ts'

/** What a PKCS#11 URI (RFC 7512) says of a token and of a private key in it. */
export interface TokenUri {
  readonly text: string
  /** Of the token, as `C_GetTokenInfo` gives it. */
  readonly token: Readonly<Partial<Record<'token' | 'manufacturer' | 'model' | 'serial', string>>>
  readonly slot?: number
  readonly object?: string
  /** CKA_ID in lower-case hex. */
  readonly id?: string
  readonly module?: string
  /** File with the PIN on its first line. */
  readonly pinFile?: string
  /** Our own attribute: the key folder with the rest of the key. */
  readonly folder?: string
}

export const SCHEME = 'pkcs11:'
const LIMIT = 2048
const OF_TOKEN = ['token', 'manufacturer', 'model', 'serial'] as const
const PATH = [...OF_TOKEN, 'slot-id', 'object', 'id', 'type']
const QUERY = ['module-path', 'pin-source', 'x-key-folder']

/**
 * RFC 7512 section 2.3. An attribute that is not understood refuses the URI, as its section 2.4 asks of path attributes.
 * @throws E_TOKEN_URI with every fault; a PIN that stands in the URI is not repeated
 */
export function parseTokenUri(text: string): TokenUri {
  const faults: string[] = []
  if (!text.startsWith(SCHEME)) faults.push('does not begin with pkcs11:')
  if (text.length > LIMIT || !/^[!-~]*$/.test(text)) faults.push(`is longer than ${LIMIT} characters, or holds others than printable ASCII; write them as %XX`)
  const [path = '', query, ...more] = text.slice(SCHEME.length).split('?')
  if (more.length > 0) faults.push('has more than one ?')
  if (/(?:^|[?&;])pin-value=/.test(text)) throw fault('E_TOKEN_URI', 'the URI holds a PIN: whoever lists processes or reads the file sees it', { expected: 'no pin-value; --pin-file FILE, pin-source=file:/path, or the prompt', next: 'Change the PIN, and leave pin-value out.' })
  const { id, ...said } = attributes(path, ';', PATH, faults)
  const asked = attributes(query ?? '', '&', QUERY, faults)
  const type = said['type']?.toString()
  if (type !== undefined && type !== 'private') faults.push(`type=${type}: only a private key signs`)
  const slot = said['slot-id']?.toString()
  if (slot !== undefined && !/^\d{1,20}$/.test(slot)) faults.push('slot-id is no number')
  if (said['object'] === undefined && id === undefined) faults.push('names no key: object or id is needed')
  const module = asked['module-path']?.toString()
  if (module !== undefined && !isAbsolute(module)) faults.push('module-path is not absolute')
  const source = asked['pin-source']?.toString()
  const pinFile = source?.replace(/^file:(\/\/(?=\/))?/, '')
  if (pinFile !== undefined && !isAbsolute(pinFile)) faults.push('pin-source is not file:/path')
  const words = [...OF_TOKEN, 'object'].filter((name) => /\p{C}/u.test(said[name]?.toString() ?? ''))
  if (words.length > 0) faults.push(`${words.join(', ')}: a control character`)
  if (faults.length > 0) throw fault('E_TOKEN_URI', 'the PKCS#11 URI cannot be used', { faults })
  const token = Object.fromEntries(OF_TOKEN.flatMap((name) => (said[name] === undefined ? [] : [[name, said[name].toString()]])))
  const folder = asked['x-key-folder']?.toString()
  return {
    text,
    token,
    ...(slot === undefined ? {} : { slot: Number(slot) }),
    ...(said['object'] === undefined ? {} : { object: said['object'].toString() }),
    ...(id === undefined ? {} : { id: id.toString('hex') }),
    ...(module === undefined ? {} : { module }),
    ...(pinFile === undefined ? {} : { pinFile }),
    ...(folder === undefined ? {} : { folder }),
  }
}

function attributes(text: string, between: string, known: readonly string[], faults: string[]): Partial<Record<string, Buffer>> {
  const found: Partial<Record<string, Buffer>> = {}
  for (const part of text === '' ? [] : text.split(between)) {
    const [name = '', value] = [part.split('=', 1)[0], part.includes('=') ? part.slice(part.indexOf('=') + 1) : undefined]
    if (!known.includes(name)) faults.push(`the attribute ${JSON.stringify(name.slice(0, 40))} is not understood`)
    else if (found[name] !== undefined) faults.push(`${name} stands twice`)
    else if (value === undefined || value === '' || /%(?![0-9A-Fa-f]{2})/.test(value)) faults.push(`${name} has no value, or a % that is no %XX`)
    else found[name] = Buffer.from(value.replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1')
  }
  return found
}
