import { createPublicKey, type KeyObject } from 'node:crypto'
import { printable } from '../bundle/printable.ts'
import { fault } from './codes.ts'
import { askToken } from './tool.ts'
import type { TokenUri } from './uri.ts'

export interface Token {
  readonly slot: number
  readonly label: string
  readonly serial: string
  readonly flags: readonly string[]
}

export interface TokenKey {
  readonly label: string
  /** Empty when the key has none. */
  readonly id: string
}

/** DER of a SubjectPublicKeyInfo for P-384 (RFC 5480), up to the point. */
const SPKI = Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')
const P384 = '06052b81040022'
/** The point, or the OCTET STRING around it: PKCS#11 asks for the second, some modules give the first. */
const POINT = /^(?:0461)?(04[0-9a-f]{192})$/

/** `name: value` lines of a block, names as pkcs11-tool prints them, in lower case. */
function fieldsOf(block: string): Partial<Record<string, string>> {
  return Object.fromEntries([...block.matchAll(/^ {2}(\S[^:\n]*?) *: *(.*?) *$/gm)].map(([, name = '', value = '']) => [name.toLowerCase(), value]))
}

/** The one token that fits. @throws E_TOKEN_ABSENT, E_TOKEN_SEVERAL, E_TOKEN_MODULE, E_TOKEN_PROGRAM */
export function findToken(uri: TokenUri): Token {
  const text = askToken(['--list-slots'], { module: uri.module, doing: 'listing the tokens' }).toString()
  const all = text.split(/^(?=Slot \d+ \()/m).flatMap((block) => {
    const number = /^Slot \d+ \((0x[0-9a-f]+)\)/.exec(block)?.[1]
    const fields = fieldsOf(block)
    if (number === undefined || fields['token label'] === undefined) return []
    const said = { token: fields['token label'], manufacturer: fields['token manufacturer'], model: fields['token model'], serial: fields['serial num'] }
    return [{ said, token: { slot: Number(number), label: fields['token label'], serial: fields['serial num'] ?? '', flags: (fields['token flags'] ?? '').split(', ') } }]
  })
  const fit = all.filter(({ said, token }) => (uri.slot === undefined || uri.slot === token.slot) && Object.entries(uri.token).every(([name, value]) => said[name as keyof typeof said] === value))
  const [one, ...more] = fit.map(({ token }) => token)
  const named = (token: Token): string => printable(`${token.label}, serial ${token.serial}`, 200)
  if (!one) throw fault('E_TOKEN_ABSENT', 'no token fits the URI', { expected: uri.text.split('?')[0] ?? '', found: all.map(({ token }) => named(token)).join('; ') || 'no token at all' })
  if (more.length > 0) throw fault('E_TOKEN_SEVERAL', `${fit.length} tokens fit the URI`, { expected: 'one', faults: [one, ...more].map(named) })
  return one
}

/** @throws E_TOKEN_LOCKED before any PIN is asked for */
export function needUnlocked({ label, flags }: Token): void {
  const locked = flags.includes('user PIN locked')
  if (locked || !flags.includes('PIN initialized')) throw fault('E_TOKEN_LOCKED', `the token ${printable(label, 80)} takes no PIN`, { found: locked ? 'locked after wrong PINs' : 'its PIN was never set' })
}

/** The one private key that fits, and its public half when the token holds that too. @throws E_TOKEN_… */
export function findKey(uri: TokenUri, { slot }: Token, pin: string): TokenKey & { readonly publicKey?: KeyObject } {
  const text = askToken(['--slot', String(slot), '--list-objects'], { module: uri.module, pin, doing: 'looking for the key' }).toString()
  const all = text.split(/^(?=\S)/m).map((block) => {
    const fields = fieldsOf(block)
    const [, half, kind = ''] = /^(Private|Public) Key Object; (\S+)/.exec(block) ?? []
    return { half, kind, label: fields['label'] ?? '', id: (fields['id'] ?? '').toLowerCase(), point: (fields['ec_point'] ?? '').toLowerCase(), curve: (fields['ec_params'] ?? '').split(' ')[0]?.toLowerCase() }
  })
  const fit = all.filter(({ half, label, id }) => half === 'Private' && (uri.object === undefined || uri.object === label) && (uri.id === undefined || uri.id === id))
  const [key, ...more] = fit
  const named = (one: TokenKey): string => printable(`object ${one.label || 'without label'}, id ${one.id || 'none'}`, 200)
  if (!key) throw fault('E_TOKEN_KEY', 'no private key in the token fits the URI', { expected: uri.text.split('?')[0] ?? '', found: all.filter(({ half }) => half === 'Private').map(named).join('; ') || 'no private key' })
  if (more.length > 0) throw fault('E_TOKEN_SEVERAL', `${fit.length} keys in the token fit the URI`, { expected: 'one', faults: fit.map(named) })
  const beside = all.find(({ half, label, id }) => half === 'Public' && id === key.id && (id !== '' || label === key.label))
  const found = key.kind !== 'EC' ? key.kind : beside && beside.curve !== P384 ? `EC, parameters ${beside.curve}` : undefined
  if (found !== undefined) throw fault('E_TOKEN_ALGORITHM', `the key is not one of P-384: ${named(key)}`, { expected: 'EC on the curve P-384 (secp384r1)', found: printable(found, 100) })
  const point = POINT.exec(beside?.point ?? '')?.[1]
  const { label, id } = key
  return { label, id, ...(point === undefined ? {} : { publicKey: onCurve(point, named(key)) }) }
}

function onCurve(point: string, key: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI, Buffer.from(point, 'hex')]), format: 'der', type: 'spki' })
  } catch (cause) {
    throw fault('E_TOKEN_ALGORITHM', `the point of the key does not lie on P-384: ${key}`, { cause })
  }
}
