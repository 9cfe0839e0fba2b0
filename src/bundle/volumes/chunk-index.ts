import { hash } from 'node:crypto'

export interface Found {
  readonly source: number
  readonly offset: number
}

/** Words of a digest that are kept: 128 bits. What is put together is held against its own sha512 in the end. */
const WORDS = 4
const MOST_FULL = 0.6

/** Digest of a chunk → where it stands, in plain arrays: 28 bytes an entry, and a bound on how many. */
export class ChunkIndex {
  readonly #most: number
  #keys = new Uint32Array(0)
  #offsets = new Float64Array(0)
  #sources = new Int32Array(0)
  #slots = 0
  #count = 0

  constructor(most: number) {
    this.#most = most
    this.#resize(1 << 12)
  }

  /** The first place of a content stays; beyond the bound nothing is added. */
  add(bytes: Uint8Array, source: number, offset: number): void {
    if (this.#count >= this.#most) return
    if (this.#count >= this.#slots * MOST_FULL) this.#resize(this.#slots * 2)
    this.#put(keyOf(bytes), source, offset)
  }

  find(bytes: Uint8Array): Found | undefined {
    const slot = this.#slot(keyOf(bytes))
    const source = this.#sources[slot] as number
    return source < 0 ? undefined : { source, offset: this.#offsets[slot] as number }
  }

  #put(key: Uint32Array, source: number, offset: number): void {
    const slot = this.#slot(key)
    if ((this.#sources[slot] as number) >= 0) return
    this.#keys.set(key, slot * WORDS)
    this.#offsets[slot] = offset
    this.#sources[slot] = source
    this.#count += 1
  }

  /** Of this key, or the empty one where it would go. */
  #slot(key: Uint32Array): number {
    for (let slot = (key[0] as number) % this.#slots; ; slot = (slot + 1) % this.#slots) {
      if ((this.#sources[slot] as number) < 0) return slot
      const at = slot * WORDS
      if (this.#keys[at] === key[0] && this.#keys[at + 1] === key[1] && this.#keys[at + 2] === key[2] && this.#keys[at + 3] === key[3]) return slot
    }
  }

  #resize(slots: number): void {
    const [keys, offsets, sources] = [this.#keys, this.#offsets, this.#sources]
    this.#slots = slots
    this.#keys = new Uint32Array(slots * WORDS)
    this.#offsets = new Float64Array(slots)
    this.#sources = new Int32Array(slots).fill(-1)
    this.#count = 0
    for (const [slot, source] of sources.entries()) {
      if (source >= 0) this.#put(keys.subarray(slot * WORDS, slot * WORDS + WORDS), source, offsets[slot] as number)
    }
  }
}

function keyOf(bytes: Uint8Array): Uint32Array {
  const digest = hash('sha256', bytes, 'buffer')
  return Uint32Array.of(digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12))
}
