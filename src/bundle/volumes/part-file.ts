import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'

type Range = readonly [begin: number, end: number]

export interface FileDigests {
  readonly sha512: string
  readonly sha256: string
}

/**
 * A file that comes in pieces, in any order, perhaps over days. Which pieces are there is written down only after they
 * are on the disk, so a list never says more than the file holds.
 *
 *     <path>         the bytes, each at its place
 *     <path>.have    [[begin, end], …]
 */
export class PartFile {
  readonly path: string
  readonly #size: number
  #handle: FileHandle | undefined
  #have: readonly Range[]
  #changed = false
  /** Digests of the first `#hashed` bytes while they come in order: no second reading then. */
  #hashed = 0
  readonly #sha512: Hash = createHash('sha512')
  readonly #sha256: Hash = createHash('sha256')

  private constructor(path: string, size: number, have: readonly Range[]) {
    this.path = path
    this.#size = size
    this.#have = have
  }

  static async open(path: string, size: number): Promise<PartFile> {
    return new PartFile(path, size, await rangesOf(path, size))
  }

  /** Without opening it: bytes that are there already. */
  static async bytesThere(path: string, size: number): Promise<number> {
    return (await rangesOf(path, size)).reduce((sum, [begin, end]) => sum + end - begin, 0)
  }

  get complete(): boolean {
    return this.holds(0, this.#size)
  }

  holds(begin: number, end: number): boolean {
    return this.#have.some((range) => range[0] <= begin && end <= range[1])
  }

  missing(): Range[] {
    const gaps: Range[] = []
    let at = 0
    for (const [begin, end] of this.#have) {
      if (at < begin) gaps.push([at, begin])
      at = end
    }
    if (at < this.#size) gaps.push([at, this.#size])
    return gaps
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    this.#handle ??= await open(this.path, this.#have.length > 0 ? 'r+' : 'w+', 0o644)
    for (let done = 0; done < bytes.byteLength;) {
      done += (await this.#handle.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten
    }
    if (position === this.#hashed) {
      this.#sha512.update(bytes)
      this.#sha256.update(bytes)
      this.#hashed += bytes.byteLength
    }
    this.#have = merged([...this.#have, [position, position + bytes.byteLength]])
    this.#changed = true
  }

  /** Closes it and writes down what it holds. */
  async keep(): Promise<void> {
    await this.#handle?.sync()
    await this.#handle?.close()
    if (!this.#changed) return
    await writeFile(`${this.path}.new`, JSON.stringify(this.#have), { flush: true })
    await rename(`${this.path}.new`, `${this.path}.have`)
  }

  /** Closes a complete file, on the disk, and gives the digests of its bytes. */
  async end(): Promise<FileDigests> {
    await this.#handle?.sync()
    await this.#handle?.close()
    if (this.#hashed === this.#size) return { sha512: this.#sha512.digest('hex'), sha256: this.#sha256.digest('hex') }
    return digestsOf(this.path)
  }

  static async remove(path: string): Promise<void> {
    await rm(`${path}.have`, { force: true })
    await rm(path, { force: true })
  }
}

export async function digestsOf(path: string): Promise<FileDigests> {
  const [a, b] = [createHash('sha512'), createHash('sha256')]
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    a.update(chunk as Buffer)
    b.update(chunk as Buffer)
  }
  return { sha512: a.digest('hex'), sha256: b.digest('hex') }
}

function merged(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0])
  const all: [number, number][] = []
  for (const [begin, end] of sorted) {
    const last = all.at(-1)
    if (last && begin <= last[1]) last[1] = Math.max(last[1], end)
    else all.push([begin, end])
  }
  return all
}

async function rangesOf(path: string, size: number): Promise<readonly Range[]> {
  try {
    const value: unknown = JSON.parse(await readFile(`${path}.have`, 'utf8'))
    const good = Array.isArray(value) && value.every((range: unknown) => Array.isArray(range) && range.length === 2 && range.every((n) => Number.isSafeInteger(n) && n >= 0 && n <= size))
    return good ? merged(value as Range[]) : []
  } catch {
    return []
  }
}
