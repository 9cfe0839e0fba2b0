import { link, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BlobRef } from '../digest.ts'
import { ioFault, needRoom } from '../io.ts'
import { LAYOUT } from '../layout.ts'
import type { Sums } from '../sums.ts'
import { streamed, type Item, type SetContents } from './contents.ts'
import { applyDelta } from './delta-apply.ts'
import { PartFile, digestsOf, type FileDigests } from './part-file.ts'
import type { Shelf } from './shelf.ts'

interface Place {
  readonly item: Item
  readonly begin: number
  readonly end: number
  /** Named by the set, as another set of the same bundle cuts its content otherwise. */
  readonly part: string
  done: boolean
}

export interface IntakeOptions {
  /** Where the bundle grows: `bundle/`, and `parts/` for what is not whole. */
  readonly work: string
  readonly contents: SetContents
  /** First digits of the digest of `contents.json`. */
  readonly set: string
  readonly sums: Sums
  readonly blobs: ReadonlyMap<string, BlobRef>
  readonly shelf: Shelf
}

/**
 * A bundle that grows from pieces of the content of one set. A file gets its name only when all its bytes are there and
 * right; what was begun stays for the next run.
 */
export class Intake {
  readonly bundle: string
  readonly #options: IntakeOptions
  readonly #places: readonly Place[]
  readonly #open = new Map<Place, PartFile>()
  /** What came in and was not right, one line each. */
  readonly wrong: string[] = []

  constructor(options: IntakeOptions) {
    this.#options = options
    this.bundle = join(options.work, 'bundle')
    let at = 0
    this.#places = options.contents.items.map((item, index) => {
      const begin = at
      at += streamed(item)
      return { item, begin, end: at, part: join(options.work, 'parts', `${options.set}-${index}`), done: false }
    })
  }

  /** Looks at what earlier runs left. @throws E_DISK_FULL when the rest would not fit */
  async begin(): Promise<void> {
    await mkdir(join(this.#options.work, 'parts'), { recursive: true })
    let rest = 0
    let largest = 0
    for (const place of this.#places) {
      const { item, begin, end, part } = place
      place.done = (await stat(join(this.bundle, item.path)).catch(() => undefined))?.size === item.size
      if (place.done || item.held) continue
      rest += item.size
      if (item.delta) largest = Math.max(largest, end - begin)
      rest -= Math.min(item.size, await PartFile.bytesThere(part, end - begin))
      if (begin === end) await this.#take(place, Buffer.alloc(0), 0)
    }
    await needRoom(this.#options.work, rest + largest)
  }

  /** True when nothing of these bytes of the content is missing. */
  async has(offset: number, size: number): Promise<boolean> {
    for (const place of this.#overlapping(offset, offset + size)) {
      if (place.done) continue
      const part = await this.#partOf(place)
      if (!part.holds(Math.max(offset, place.begin) - place.begin, Math.min(offset + size, place.end) - place.begin)) return false
    }
    return true
  }

  /** Takes bytes of the content from `offset` on. */
  async take(offset: number, bytes: Buffer): Promise<void> {
    for (const place of this.#overlapping(offset, offset + bytes.byteLength)) {
      if (place.done) continue
      const from = Math.max(offset, place.begin)
      await this.#take(place, bytes.subarray(from - offset, Math.min(offset + bytes.byteLength, place.end) - offset), from - place.begin)
    }
  }

  /** Writes down what has come in so far. */
  async keep(): Promise<void> {
    for (const part of this.#open.values()) await part.keep()
    this.#open.clear()
  }

  /** Paths that are not there, and the pieces of the content that they wait for. */
  async missing(): Promise<{ readonly path: string; readonly pieces: readonly (readonly [number, number])[] }[]> {
    const missing = []
    for (const place of this.#places) {
      if (place.done || place.item.held) continue
      const part = await this.#partOf(place)
      missing.push({ path: place.item.path, pieces: part.missing().map(([from, to]) => [place.begin + from, place.begin + to] as const) })
      await part.keep()
      this.#open.delete(place)
    }
    return missing
  }

  /** Gives files of the bases their names in the bundle too, each hashed before. Says which could not be had. */
  async linkHeld(): Promise<string[]> {
    const { shelf, contents } = this.#options
    const lost = []
    for (const place of this.#places) {
      const { item } = place
      if (place.done || !item.held) continue
      for (const candidate of await shelf.candidates(item.path, item.size, contents.bases)) {
        if (!this.#right(item.path, await digestsOf(candidate))) continue
        await this.#named(place, (target) => link(candidate, target))
        break
      }
      if (!place.done) lost.push(`${item.path} is not, or is no longer, what ${contents.bases.map(({ name, version }) => `${name} ${version}`).join(' or ')} holds in ${shelf.directory}`)
    }
    return lost
  }

  /** Removes what is named but not right, after a check of the whole found some. */
  async dropWrong(): Promise<string[]> {
    const dropped = []
    for (const place of this.#places) {
      const path = join(this.bundle, place.item.path)
      if (this.#right(place.item.path, await digestsOf(path).catch(() => ({ sha512: '', sha256: '' })))) continue
      await rm(path, { force: true })
      place.done = false
      dropped.push(place.item.path)
    }
    return dropped
  }

  #overlapping(begin: number, end: number): Place[] {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#places[middle] as Place).end <= begin) low = middle + 1
      else high = middle
    }
    const found = []
    for (let place = this.#places[low]; place && place.begin < end; place = this.#places[low]) {
      if (place.end > begin) found.push(place)
      low += 1
    }
    return found
  }

  async #partOf(place: Place): Promise<PartFile> {
    const known = this.#open.get(place)
    if (known) return known
    const part = await PartFile.open(place.part, place.end - place.begin)
    this.#open.set(place, part)
    return part
  }

  async #take(place: Place, bytes: Buffer, position: number): Promise<void> {
    try {
      const part = await this.#partOf(place)
      await part.write(bytes, position)
      if (!part.complete) return
      this.#open.delete(place)
      const digests = await part.end()
      if (place.item.delta) await this.#applied(place, place.item.delta)
      else await this.#finished(place, place.part, digests)
      await PartFile.remove(place.part)
    } catch (error) {
      throw ioFault(error, `writing ${place.item.path} to ${this.#options.work}`)
    }
  }

  async #applied(place: Place, delta: NonNullable<Item['delta']>): Promise<void> {
    const sources = []
    for (const path of delta.from) sources.push(await this.#inBase(path))
    const built = `${place.part}.built`
    await rm(built, { force: true })
    try {
      await applyDelta(place.part, delta, sources, built, place.item.size)
      await this.#finished(place, built, await digestsOf(built))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ERANGE') throw error
      this.wrong.push(`${place.item.path} could not be put together from the release before: ${(error as Error).message}`)
    } finally {
      await rm(built, { force: true })
    }
  }

  /** Where the first base that has a file of this path has it. */
  async #inBase(path: string): Promise<string> {
    const { shelf, contents } = this.#options
    for (const { sha512 } of contents.bases) {
      const file = join(shelf.find(sha512)?.directory ?? shelf.directory, path)
      if (await stat(file).catch(() => undefined)) return file
    }
    return join(shelf.directory, path)
  }

  async #finished(place: Place, file: string, digests: FileDigests): Promise<void> {
    const { path } = place.item
    if (this.#right(path, digests)) await this.#named(place, (target) => rename(file, target))
    else this.wrong.push(`${path} has sha512 ${digests.sha512} instead of ${this.#options.sums.get(path)}`)
  }

  async #named(place: Place, give: (target: string) => Promise<void>): Promise<void> {
    const target = join(this.bundle, place.item.path)
    await mkdir(dirname(target), { recursive: true })
    await rm(target, { force: true })
    await give(target)
    place.done = true
  }

  #right(path: string, { sha512, sha256 }: FileDigests): boolean {
    if (this.#options.sums.get(path) !== sha512) return false
    const name = path.startsWith(`${LAYOUT.blobs}/`) ? path.slice(LAYOUT.blobs.length + 1) : undefined
    return name === undefined || (name === sha256 && this.#options.blobs.has(name))
  }
}
