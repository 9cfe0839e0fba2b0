import { createHash, type Hash } from 'node:crypto'
import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { VOLUME_LIMITS, packName } from './layout.ts'
import type { Pack, Segment } from './listing.ts'
import { storedForm, type Stored } from './segment.ts'
import { giveBack } from './zstd.ts'

/** A volume whose packs are written. */
export interface PackedVolume {
  readonly directory: string
  readonly begin: number
  end: number
  readonly packs: Pack[]
}

/** Segments that are compressed at the same time: as many as small machines have cores. */
const AT_ONCE = 2
/** What a segment costs in listings: its own on the volume, and a spare's copy of up to 15 volumes. */
export const SEGMENT_COST = 4096

interface OpenPack {
  readonly name: string
  readonly file: FileHandle
  readonly hash: Hash
  readonly segments: Segment[]
  size: number
}

/**
 * Cuts the content into segments, compresses them, and lays them out over packs and volumes in their order, so that
 * the same content always gives the same bytes. Memory is a few segments.
 */
export class SetWriter {
  readonly volumes: PackedVolume[] = []
  readonly #folder: (volume: number) => string
  readonly #room: number
  /** Buffers go round: a fresh one for each segment would wait for the collector, and memory would grow with the set. */
  readonly #free: Buffer[] = []
  #buffer: Buffer = Buffer.allocUnsafeSlow(VOLUME_LIMITS.segment)
  #filled = 0
  #offset = 0
  #left = 0
  #pack: OpenPack | undefined
  readonly #queue: Promise<Stored & { buffer: Buffer; offset: number; size: number }>[] = []

  /** `room`: bytes for packs, listings of their segments included, on each volume. */
  constructor(folder: (volume: number) => string, room: number) {
    this.#folder = folder
    this.#room = room
  }

  /** Lets `read` fill what is left of the open segment, so that bytes are copied once; gives them, none at the end. */
  async fill(read: (into: Buffer) => Promise<number>): Promise<Buffer> {
    if (this.#filled === this.#buffer.byteLength) await this.#cut()
    const from = this.#filled
    this.#filled += await read(this.#buffer.subarray(from))
    return this.#buffer.subarray(from, this.#filled)
  }

  async end(): Promise<readonly PackedVolume[]> {
    if (this.#filled > 0) await this.#cut()
    while (this.#queue.length > 0) await this.#settle()
    if (this.volumes.length === 0) await this.#nextVolume(0)
    await this.#closePack()
    for (const buffer of [this.#buffer, ...this.#free.splice(0)]) giveBack(buffer)
    return this.volumes
  }

  /** After a failure: nothing stays open. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#queue)
    await this.#pack?.file.close()
  }

  async #cut(): Promise<void> {
    const buffer = this.#buffer
    const [offset, size] = [this.#offset, this.#filled]
    this.#queue.push(storedForm(buffer.subarray(0, size)).then((stored) => ({ ...stored, buffer, offset, size })))
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(VOLUME_LIMITS.segment)
    this.#offset += size
    this.#filled = 0
    if (this.#queue.length > AT_ONCE) await this.#settle()
  }

  async #settle(): Promise<void> {
    const next = this.#queue.shift()
    if (!next) return
    const { bytes, sha512, giveBack: done, buffer, offset, size } = await next
    const cost = bytes.byteLength + SEGMENT_COST
    if (this.volumes.length === 0 || cost > this.#left) await this.#nextVolume(offset)
    if (!this.#pack || this.#pack.size + bytes.byteLength > VOLUME_LIMITS.pack) await this.#nextPack()
    const pack = this.#pack as unknown as OpenPack
    await pack.file.writeFile(bytes)
    pack.hash.update(bytes)
    pack.segments.push({ offset, size, stored: bytes.byteLength, sha512 })
    pack.size += bytes.byteLength
    done()
    this.#free.push(buffer)
    this.#left -= cost
    const volume = this.volumes.at(-1)
    if (volume) volume.end = offset + size
  }

  async #nextVolume(begin: number): Promise<void> {
    await this.#closePack()
    const directory = this.#folder(this.volumes.length + 1)
    await mkdir(directory, { recursive: true })
    this.volumes.push({ directory, begin, end: begin, packs: [] })
    this.#left = this.#room
  }

  async #nextPack(): Promise<void> {
    await this.#closePack()
    const { directory, packs } = this.volumes.at(-1) as PackedVolume
    const name = packName(packs.length + 1)
    this.#pack = { name, file: await open(join(directory, name), 'wx', 0o644), hash: createHash('sha512'), segments: [], size: 0 }
  }

  async #closePack(): Promise<void> {
    const pack = this.#pack
    if (!pack) return
    this.#pack = undefined
    await pack.file.close()
    const { name: path, size, segments } = pack
    this.volumes.at(-1)?.packs.push({ path, size, sha512: pack.hash.digest('hex'), segments })
  }
}
