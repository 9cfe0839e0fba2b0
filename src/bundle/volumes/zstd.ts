import { constants, createZstdCompress, createZstdDecompress, type ZstdCompress, type ZstdDecompress } from 'node:zlib'

/** What a frame may have beyond the bytes it was made of: ZSTD_COMPRESSBOUND, rounded up. */
const BOUND = 64 << 10
/** Smaller buffers may be a part of Node's pool, and are not worth it. */
const LARGE = 128 << 10

/** A frame of `bytes`; `giveBack` it after its use. */
export function compress(bytes: Buffer, level: number): Promise<Buffer> {
  const room = bytes.byteLength + (bytes.byteLength >> 8) + BOUND
  return through(createZstdCompress({ chunkSize: room, params: { [constants.ZSTD_c_compressionLevel]: level } }), bytes, room)
}

/** What a frame holds, at most `most` bytes; `giveBack` it after its use. Rejects a frame that is damaged or holds more. */
export function decompress(frame: Buffer, most: number): Promise<Buffer> {
  return through(createZstdDecompress({ chunkSize: Math.max(most + 1, 64) }), frame, most)
}

/**
 * Frees the memory of a buffer that has all of it to itself. Left to the collector, 4 MiB a call would pile up to
 * a hundred megabytes before it runs.
 */
export function giveBack({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LARGE) buffer.transfer(0)
}

/** On a thread of the pool. `chunkSize` of the engine is all there can be, so that its pieces are one after the other. */
function through(engine: ZstdCompress | ZstdDecompress, bytes: Buffer, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    engine.on('data', (piece: Buffer) => {
      pieces.push(piece)
      size += piece.byteLength
      if (size > most) engine.destroy(new RangeError(`more than ${most} bytes`))
    })
    engine.on('error', reject)
    engine.on('close', () => {
      const [first] = pieces
      if (!first) resolve(Buffer.alloc(0))
      else if (pieces.every((piece) => piece.buffer === first.buffer)) resolve(Buffer.from(first.buffer, first.byteOffset, size))
      else resolve(Buffer.concat(pieces, size))
    })
    engine.end(bytes)
  })
}
