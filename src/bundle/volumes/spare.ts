import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { VOLUME_LIMITS, packName } from './layout.ts'
import type { Pack, VolumeFile } from './listing.ts'
import type { Medium } from './medium.ts'

const CHUNK = 1 << 20

/** Which volumes each spare stands in for: volume v belongs to spare (v - 1) mod spares. */
export function groupsOf(volumes: number, spares: number): readonly (readonly number[])[] {
  return Array.from({ length: spares }, (_, spare) =>
    Array.from({ length: volumes }, (__, index) => index + 1).filter((volume) => (volume - 1) % spares === spare),
  )
}

/** `into ^= bytes`, in words of four bytes; what is longer counts as zero. */
export function xorInto(into: Buffer, bytes: Buffer): void {
  const words = bytes.byteLength >> 2
  const a = new Uint32Array(into.buffer, into.byteOffset, words)
  const b = new Uint32Array(bytes.buffer, bytes.byteOffset, words)
  for (let index = 0; index < words; index += 1) a[index] = (a[index] as number) ^ (b[index] as number)
  for (let index = words << 2; index < bytes.byteLength; index += 1) into[index] = (into[index] as number) ^ (bytes[index] as number)
}

/** The packs of a volume, one after the other, read at any place; beyond their end all is zero. */
class Region {
  readonly #packs: readonly VolumeFile[]
  readonly #medium: Medium

  constructor(medium: Medium, packs: readonly VolumeFile[]) {
    this.#medium = medium
    this.#packs = packs
  }

  get size(): number {
    return this.#packs.reduce((sum, pack) => sum + pack.size, 0)
  }

  /** Fills `buffer` from `position` of the region and gives the part that was there. */
  async read(buffer: Buffer, position: number): Promise<Buffer> {
    let filled = 0
    let start = 0
    for (const { path, size } of this.#packs) {
      while (filled < buffer.byteLength && position + filled >= start && position + filled < start + size) {
        const wanted = Math.min(buffer.byteLength - filled, start + size - position - filled)
        const count = await this.#medium.read(path, buffer.subarray(filled, filled + wanted), position + filled - start)
        if (count === 0) throw new Error(`${path} of ${this.#medium.name} ends too early`)
        filled += count
      }
      start += size
    }
    return buffer.subarray(0, filled)
  }
}

export interface Member {
  readonly medium: Medium
  readonly packs: readonly VolumeFile[]
}

/** Fresh buffers start at a multiple of four: `xorInto` reads words. */
const buffer = (): Buffer => Buffer.from(new ArrayBuffer(CHUNK))

/**
 * XORs the packs of `members` and hands the bytes out in order, `size` of them: a spare volume's content, or, from all
 * the others and the spare, the content of the one that is lost.
 */
async function* xored(members: readonly Member[], size: number): AsyncGenerator<Buffer> {
  const regions = members.map(({ medium, packs }) => new Region(medium, packs))
  const scratch = buffer()
  for (let position = 0; position < size; position += CHUNK) {
    const sum = buffer()
    for (const region of regions) xorInto(sum, await region.read(scratch, position))
    yield sum.subarray(0, Math.min(CHUNK, size - position))
  }
}

/** Writes the spare of `members` to `directory`. */
export async function writeSpare(directory: string, members: readonly Member[]): Promise<Pack[]> {
  const size = Math.max(...members.map(({ medium, packs }) => new Region(medium, packs).size))
  const shape = []
  for (let rest = size; rest > 0; rest -= VOLUME_LIMITS.pack) {
    shape.push({ path: packName(shape.length + 1), size: Math.min(rest, VOLUME_LIMITS.pack) })
  }
  const written = await writePacks(directory, shape, xored(members, size))
  return written.map((pack) => ({ ...pack, segments: [] }))
}

/** Writes the packs of a lost volume from the others of its group and the spare; gives their digests, unchecked. */
export async function rebuildPacks(directory: string, packs: readonly VolumeFile[], others: readonly Member[]): Promise<VolumeFile[]> {
  const size = packs.reduce((sum, pack) => sum + pack.size, 0)
  return writePacks(directory, packs, xored(others, size))
}

async function writePacks(
  directory: string,
  shape: readonly { readonly path: string; readonly size: number }[],
  bytes: AsyncIterable<Buffer>,
): Promise<VolumeFile[]> {
  const done: VolumeFile[] = []
  let file: FileHandle | undefined
  let hash = createHash('sha512')
  let written = 0
  try {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.byteLength;) {
        const pack = shape[done.length]
        if (!pack) return done
        file ??= await open(join(directory, pack.path), 'wx', 0o644)
        const part = chunk.subarray(at, at + pack.size - written)
        await file.writeFile(part)
        hash.update(part)
        written += part.byteLength
        at += part.byteLength
        if (written < pack.size) continue
        await file.close()
        file = undefined
        done.push({ path: pack.path, size: pack.size, sha512: hash.digest('hex') })
        hash = createHash('sha512')
        written = 0
      }
    }
  } finally {
    await file?.close()
  }
  return done
}
