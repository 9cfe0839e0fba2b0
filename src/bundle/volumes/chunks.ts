import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** A piece of a file between two places that its content alone decides: equal pieces are found wherever they moved. */
export interface Chunk {
  readonly offset: number
  /** Valid until the next one is asked for. */
  readonly bytes: Buffer
}

const READ = 1 << 20
const TAR_BLOCK = 512
const TAR_MAGIC = 257
/** 'ustar' */
const MAGIC = Buffer.from('ustar')

/** One random word for each value of a byte, the same on every machine. */
const GEAR = Uint32Array.from({ length: 256 }, (_, byte) => createHash('sha256').update(`sallyport gear ${byte}`).digest().readUInt32LE())

/** True when a header of a member of a tar archive seems to stand here. A wrong guess costs a boundary, nothing more. */
function tarHeader(buffer: Buffer, at: number, end: number): boolean {
  return at + TAR_MAGIC + MAGIC.byteLength <= end && buffer[at + TAR_MAGIC] === 0x75 && buffer.compare(MAGIC, 0, MAGIC.byteLength, at + TAR_MAGIC, at + TAR_MAGIC + MAGIC.byteLength) === 0
}

/**
 * Cuts at members of tar archives, and inside of them by a rolling hash (gear, as in FastCDC) into pieces of about
 * `average` bytes, a power of two. Memory is one read.
 */
export async function* chunksOf(path: string, average: number): AsyncGenerator<Chunk> {
  const most = average * 4
  const mask = (average - 1) * 2 ** (32 - Math.log2(average)) || 0
  const buffer = Buffer.allocUnsafe(READ + most + TAR_BLOCK)
  const file = await open(path, 'r')
  let [begin, end, offset, ended] = [0, 0, 0, false]
  try {
    for (;;) {
      if (end - begin < most + TAR_BLOCK && !ended) {
        buffer.copyWithin(0, begin, end)
        end -= begin
        begin = 0
        while (end < buffer.byteLength && !ended) {
          const { bytesRead } = await file.read(buffer, end, buffer.byteLength - end, null)
          end += bytesRead
          ended = bytesRead === 0
        }
      }
      if (begin === end) return
      const size = cut(buffer, begin, Math.min(end, begin + most), { offset, average, mask, end })
      yield { offset, bytes: buffer.subarray(begin, begin + size) }
      begin += size
      offset += size
    }
  } finally {
    await file.close()
  }
}

function cut(buffer: Buffer, begin: number, limit: number, { offset, average, mask, end }: { offset: number; average: number; mask: number; end: number }): number {
  let last = limit
  const phase = (TAR_BLOCK - (offset % TAR_BLOCK)) % TAR_BLOCK
  if (phase === 0 && tarHeader(buffer, begin, end)) return Math.min(TAR_BLOCK, limit - begin)
  for (let at = begin + (phase || TAR_BLOCK); at < limit; at += TAR_BLOCK) {
    if (!tarHeader(buffer, at, end)) continue
    last = at
    break
  }
  let hash = 0
  for (let at = begin + (average >> 2); at < last; at += 1) {
    hash = ((hash << 1) + (GEAR[buffer[at] as number] as number)) | 0
    if ((hash & mask) === 0) return at + 1 - begin
  }
  return last - begin
}
