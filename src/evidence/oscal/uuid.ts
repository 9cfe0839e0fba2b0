import { createHash } from 'node:crypto'

/** Namespace of names in our OSCAL documents. */
const NAMESPACE = Buffer.from('6f0c2f6a4c8e5d0f9a7b3e1d5c2b4a68', 'hex')

/** A UUID of a name (RFC 9562, version 5): the same for the same name. OSCAL takes versions 4 and 5 only. */
export function uuidOfName(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
