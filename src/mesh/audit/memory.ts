import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SignedHead } from './head.ts'

/**
 * The last head this host signed, outside the object store: it shows when the store's newest objects were hidden or the
 * whole store was set back. Never part of a backup, so that no restore rewinds it.
 */
export class HeadMemory {
  readonly #file: string
  #next: SignedHead | undefined
  #last: SignedHead | undefined
  #writing: Promise<void> | undefined
  #failure: unknown

  constructor(file: string) {
    this.#file = file
  }

  async last(): Promise<SignedHead | undefined> {
    if (this.#last !== undefined) return this.#last
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    return text === undefined ? undefined : (JSON.parse(text) as SignedHead)
  }

  /**
   * Written behind the answers, not before them: the locked object is what makes an access durable, and a crash that
   * loses the newest heads leaves one that is a little older and still proves what came before it.
   */
  keep(head: SignedHead): void {
    this.#last = head
    this.#next = head
    this.#writing ??= this.#write()
  }

  /** What went wrong with the last write, if anything did. */
  get failure(): unknown {
    return this.#failure
  }

  /** Resolves when everything kept was written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    try {
      while (this.#next !== undefined) {
        const head = this.#next
        this.#next = undefined
        await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
        const file = await open(`${this.#file}.partial`, 'w', 0o600)
        try {
          await file.writeFile(JSON.stringify(head))
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(`${this.#file}.partial`, this.#file)
        this.#failure = undefined
      }
    } catch (failure) {
      this.#failure = failure
    } finally {
      this.#writing = undefined
    }
  }
}
