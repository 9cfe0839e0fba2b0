import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib'
import { fault } from '../codes.ts'
import { sha512 } from '../digest.ts'
import type { Segment } from './listing.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** A sample that shrinks to no less than this is not worth a try on the whole: packages and images are compressed. */
const WORTHWHILE = 0.97
const SAMPLE = 64 << 10

/** Output in pieces of a quarter segment: many small ones would wait for the collector. */
const PIECE = 1 << 20
const level = (value: number) => ({ chunkSize: PIECE, params: { [constants.ZSTD_c_compressionLevel]: value } })

/** The stored form of a piece of content: a zstd frame, or the bytes as they are where that saves nothing. */
export async function storedForm(bytes: Buffer): Promise<Buffer> {
  const middle = Math.max(0, (bytes.byteLength - SAMPLE) >> 1)
  const sample = bytes.subarray(middle, middle + SAMPLE)
  if (bytes.byteLength > SAMPLE && zstdCompressSync(sample, level(1)).byteLength > WORTHWHILE * SAMPLE) return bytes
  const frame = await compress(bytes, level(3))
  return frame.byteLength < bytes.byteLength ? frame : bytes
}

/** The content of a segment; undefined when the stored bytes are not the listed ones. Nothing is parsed before that. */
export async function contentOf(stored: Buffer, segment: Segment): Promise<Buffer | undefined> {
  if (stored.byteLength !== segment.stored || sha512(stored) !== segment.sha512) return undefined
  if (segment.stored === segment.size) return stored
  const bytes = await decompress(stored, { maxOutputLength: segment.size, chunkSize: PIECE }).catch(() => undefined)
  if (bytes?.byteLength !== segment.size) throw fault('E_VOLUME_INVALID', 'a segment is not what the signed listing makes it')
  return bytes
}
