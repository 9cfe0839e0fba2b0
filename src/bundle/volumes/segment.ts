import { hash, webcrypto } from 'node:crypto'
import { fault } from '../codes.ts'
import type { Segment } from './listing.ts'
import { compress, decompress, giveBack } from './zstd.ts'

/** A sample that shrinks to no less than this is not worth a try on the whole: packages and images are compressed. */
const WORTHWHILE = 0.97
const SAMPLE = 64 << 10

/** Bytes to be used, and then given back. */
interface Lent {
  readonly bytes: Buffer
  giveBack(): void
}

export interface Stored extends Lent {
  readonly sha512: string
}

const lent = (bytes: Buffer): Lent => ({ bytes, giveBack: () => giveBack(bytes) })
/** Memory of the caller. */
const callers = (bytes: Buffer): Lent => ({ bytes, giveBack: () => {} })

/**
 * The stored form of a piece of content: a zstd frame, or the bytes as they are where that saves nothing. Compressed and
 * hashed beside the caller's thread.
 */
export async function storedForm(content: Buffer): Promise<Stored> {
  const form = await shorter(content)
  return { ...form, sha512: await digestBeside(form.bytes) }
}

async function shorter(content: Buffer): Promise<Lent> {
  if (content.byteLength > SAMPLE && !(await shrinks(content))) return callers(content)
  const frame = await compress(content, 3)
  if (frame.byteLength < content.byteLength) return lent(frame)
  giveBack(frame)
  return callers(content)
}

async function shrinks(content: Buffer): Promise<boolean> {
  const middle = (content.byteLength - SAMPLE) >> 1
  const frame = await compress(content.subarray(middle, middle + SAMPLE), 1)
  const size = frame.byteLength
  giveBack(frame)
  return size <= WORTHWHILE * SAMPLE
}

/** On a thread of the pool; small ones here, which is faster. */
async function digestBeside(bytes: Buffer): Promise<string> {
  if (bytes.byteLength < SAMPLE) return hash('sha512', bytes)
  return Buffer.from(await webcrypto.subtle.digest('SHA-512', bytes)).toString('hex')
}

/** The content of a segment; undefined when the stored bytes are not the listed ones. Nothing is parsed before that. */
export async function contentOf(stored: Buffer, segment: Segment): Promise<Lent | undefined> {
  if (stored.byteLength !== segment.stored || (await digestBeside(stored)) !== segment.sha512) return undefined
  if (segment.stored === segment.size) return callers(stored)
  const bytes = await decompress(stored, segment.size).catch(() => undefined)
  if (bytes?.byteLength !== segment.size) throw fault('E_VOLUME_INVALID', 'a segment is not what the signed listing makes it')
  return lent(bytes)
}
