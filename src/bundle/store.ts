import { randomBytes } from 'node:crypto'
import { constants, createReadStream, type ReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fault } from './codes.ts'
import { Digester, type BlobRef } from './digest.ts'
import { ioFault } from './io.ts'
import { LAYOUT, blobPath } from './layout.ts'

/** What the bytes have to be; each member that is given is checked. */
export type Expected = Partial<BlobRef>

/** Temporary files of processes that ended without removing them are cleared after this time, in milliseconds. */
const STALE = 24 * 60 * 60 * 1000

/**
 * Blobs by digest in a folder, safe for several processes at once. A blob gets its final name only after its digest is
 * known; one that is already there is hashed again before it is relied on, once for each ContentStore.
 *
 *     <directory>/blobs/sha256/<hex>
 *     <directory>/tmp/<random>        being written
 *     <directory>/damaged/<hex>       set aside because the bytes had changed
 */
export class ContentStore {
  readonly directory: string
  readonly #verified = new Map<string, Promise<BlobRef | undefined>>()
  #ready: Promise<void> | undefined

  constructor(directory: string) {
    this.directory = directory
  }

  /** Where the blob stands, or would stand. Never write there. */
  pathOf(sha256: string): string {
    return join(this.directory, blobPath(sha256))
  }

  /**
   * @returns digests and size of what was stored
   * @throws E_STORE_DIGEST when `expect` does not fit, E_DISK_FULL, E_FILE_UNREADABLE
   */
  async put(source: Readable | Uint8Array, expect: Expected = {}): Promise<BlobRef> {
    const temporary = await this.stage()
    const digester = new Digester()
    try {
      const file = await open(temporary, 'wx', 0o644)
      try {
        if (source instanceof Uint8Array) {
          digester.update(source)
          await file.writeFile(source)
        } else {
          for await (const chunk of source) {
            const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
            digester.update(bytes)
            for (let done = 0; done < bytes.byteLength;) done += (await file.write(bytes, done)).bytesWritten
          }
        }
        await file.sync()
      } finally {
        await file.close()
      }
      return await this.adopt(temporary, digester.ref(), expect)
    } catch (error) {
      await rm(temporary, { force: true })
      throw ioFault(error, `writing to the content store ${this.directory}`)
    }
  }

  /** As `put`, from a regular file (a link is followed). The file is copied, never linked. */
  async putFile(path: string, expect: Expected = {}): Promise<BlobRef> {
    return this.put(createReadStream(path, { highWaterMark: 1 << 20 }), expect)
  }

  /** True when the blob is there and its bytes are right. */
  async has(sha256: string): Promise<boolean> {
    return (await this.ref(sha256)) !== undefined
  }

  /**
   * Digests and size of a blob, hashed now unless this object did so before. A damaged blob is set aside and counts
   * as absent.
   */
  ref(sha256: string): Promise<BlobRef | undefined> {
    let known = this.#verified.get(sha256)
    if (!known) {
      known = this.#examine(sha256)
      this.#verified.set(sha256, known)
      void known.then(
        (ref) => ref ?? this.#verified.delete(sha256),
        () => this.#verified.delete(sha256),
      )
    }
    return known
  }

  /** The bytes, hashed while they flow: the stream ends with E_STORE_ABSENT when they are not the ones named. */
  read(sha256: string): Readable {
    const digester = new Digester()
    const source = createReadStream(this.pathOf(sha256), { highWaterMark: 1 << 20 })
    const check = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        digester.update(chunk)
        done(null, chunk)
      },
      flush: (done) => done(digester.ref().sha256 === sha256 ? null : this.absent(sha256)),
    })
    source.on('error', (error: NodeJS.ErrnoException) => {
      check.destroy(
        error.code === 'ENOENT' ? this.absent(sha256) : (ioFault(error, 'reading the content store') as Error),
      )
    })
    check.on('close', () => source.destroy())
    return source.pipe(check)
  }

  /** The whole blob. @throws E_STORE_ABSENT, E_TOO_LARGE when it has more than `limit` bytes */
  async bytes(sha256: string, limit: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this.read(sha256)) {
      size += (chunk as Buffer).byteLength
      if (size > limit) {
        throw fault('E_TOO_LARGE', `blob ${sha256} is larger than expected`, {
          expected: `at most ${limit} bytes`,
          found: 'more',
        })
      }
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks, size)
  }

  /** A new path for a temporary file in the store; `adopt` or `rm` it. */
  async stage(): Promise<string> {
    this.#ready ??= this.#prepare()
    await this.#ready
    return join(this.directory, 'tmp', randomBytes(12).toString('hex'))
  }

  /**
   * Gives a complete, synced temporary file its final name. `ref` is what its bytes hashed to as they were written;
   * without `flush` the name itself is durable only after the next `flush()`.
   * @throws E_STORE_DIGEST, and removes the file, when `expect` does not fit
   */
  async adopt(temporary: string, ref: BlobRef, expect: Expected = {}, flush = true): Promise<BlobRef> {
    const wrong = (['size', 'sha256', 'sha512'] as const).filter(
      (key) => expect[key] !== undefined && expect[key] !== ref[key],
    )
    if (wrong.length > 0) {
      await rm(temporary, { force: true })
      throw fault('E_STORE_DIGEST', 'bytes are not what they were announced to be; they were not kept', {
        expected: wrong.map((key) => `${key} ${expect[key]}`).join(', '),
        found: wrong.map((key) => `${key} ${ref[key]}`).join(', '),
      })
    }
    await rename(temporary, this.pathOf(ref.sha256))
    if (flush) await this.flush()
    this.#verified.set(ref.sha256, Promise.resolve(ref))
    return ref
  }

  /** Makes the names given so far survive a power cut. */
  async flush(): Promise<void> {
    await syncDirectory(join(this.directory, LAYOUT.blobs))
  }

  absent(sha256: string): Error {
    return fault('E_STORE_ABSENT', `the content store ${this.directory} does not hold blob ${sha256}`)
  }

  async #examine(sha256: string): Promise<BlobRef | undefined> {
    const path = this.pathOf(sha256)
    const digester = new Digester()
    let source: ReadStream
    try {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      source = file.createReadStream({ highWaterMark: 1 << 20 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw ioFault(error, `reading ${path}`)
    }
    await pipeline(source, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) digester.update(chunk)
    }).catch((error: unknown) => {
      throw ioFault(error, `reading ${path}`)
    })
    const ref = digester.ref()
    if (ref.sha256 === sha256) return ref
    await mkdir(join(this.directory, 'damaged'), { recursive: true })
    await rename(path, join(this.directory, 'damaged', sha256)).catch(() => {})
    return undefined
  }

  async #prepare(): Promise<void> {
    try {
      await mkdir(join(this.directory, LAYOUT.blobs), { recursive: true })
      const temporaries = join(this.directory, 'tmp')
      await mkdir(temporaries, { recursive: true })
      for (const name of await readdir(temporaries)) {
        const path = join(temporaries, name)
        const state = await stat(path).catch(() => undefined)
        if (state && Date.now() - state.mtimeMs > STALE) await rm(path, { force: true })
      }
    } catch (error) {
      this.#ready = undefined
      throw ioFault(error, `preparing the content store ${this.directory}`)
    }
  }
}

/** Makes a rename in `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
