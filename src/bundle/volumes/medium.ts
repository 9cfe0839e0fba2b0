import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { ioFault } from '../io.ts'
import { listBundle } from '../listing.ts'
import { readArchive } from './archive.ts'

/** The files of a volume, wherever they stand: a folder, a mounted disc, an archive. Read, and never written. */
export interface Medium {
  /** As a person named it. */
  readonly name: string
  /** Path → size in bytes, of regular files. */
  readonly files: ReadonlyMap<string, number>
  /** Links and special files: they are never opened. */
  readonly others: readonly string[]
  /** Reads into `buffer` at `position`; 0 at the end. */
  read(path: string, buffer: Buffer, position: number): Promise<number>
  close(): Promise<void>
}

/** One open file at a time: packs are read from end to end, a few pieces of the same one at once. */
class Opened {
  #path: string | undefined
  #handle: Promise<FileHandle> | undefined

  at(path: string): Promise<FileHandle> {
    if (this.#path === path && this.#handle) return this.#handle
    const before = this.close()
    this.#path = path
    this.#handle = before.then(() => open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
    return this.#handle
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    this.#path = undefined
    await (await handle?.catch(() => undefined))?.close()
  }
}

/** @throws E_VOLUME_ABSENT, E_FILE_UNREADABLE, E_VOLUME_INVALID for an archive that is none */
export async function openMedium(path: string): Promise<Medium> {
  const state = await stat(path).catch(() => undefined)
  if (!state) throw fault('E_VOLUME_ABSENT', `there is nothing at ${path}`)
  const opened = new Opened()
  if (state.isDirectory()) {
    const { files, others } = await listBundle(path)
    return {
      name: path,
      files,
      others: [...others.keys()],
      async read(file, buffer, position) {
        const { bytesRead } = await (await opened.at(join(path, file))).read(buffer, 0, buffer.byteLength, position)
        return bytesRead
      },
      close: () => opened.close(),
    }
  }
  const places = await readArchive(path)
  return {
    name: path,
    files: new Map([...places].map(([file, { size }]) => [file, size])),
    others: [],
    async read(file, buffer, position) {
      const place = places.get(file)
      if (!place) throw fault('E_FILE_MISSING', `${file} is not in ${path}`)
      const wanted = Math.max(0, Math.min(buffer.byteLength, place.size - position))
      const { bytesRead } = await (await opened.at(path)).read(buffer, 0, wanted, place.position + position)
      return bytesRead
    },
    close: () => opened.close(),
  }
}

/** A small file as a whole; undefined when it is not there. @throws E_TOO_LARGE, E_FILE_UNREADABLE */
export async function readWhole(medium: Medium, path: string, limit: number): Promise<Buffer | undefined> {
  const size = medium.files.get(path)
  if (size === undefined) return undefined
  if (size > limit) {
    throw fault('E_TOO_LARGE', `${path} of ${medium.name} is larger than this program reads`, { expected: `at most ${limit} bytes`, found: `${size} bytes` })
  }
  const bytes = Buffer.alloc(size)
  try {
    let filled = 0
    while (filled < size) {
      const count = await medium.read(path, bytes.subarray(filled), filled)
      if (count === 0) break
      filled += count
    }
    return bytes.subarray(0, filled)
  } catch (error) {
    throw ioFault(error, `reading ${path} of ${medium.name}`)
  }
}
