import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Free text of an event (the SQL a person wrote), sealed: AES-256-GCM under a key that belongs to one control plane, one
 * product and one day. The event commits to its digest; when a spill is found, the key is destroyed on every host
 * (spill.ts) and the log still verifies.
 */
export interface SealedText {
  readonly event: string
  readonly product: string
  /** `2026-11-22`, UTC. */
  readonly day: string
  /** Base64: 12 bytes nonce, ciphertext, 16 bytes tag. The event's id is the additional data. */
  readonly sealed: string
}

/** SHA-384 of the sealed bytes, hex: what the event commits to. */
export function sealDigest(sealed: string): string {
  return createHash('sha384').update(Buffer.from(sealed, 'base64')).digest('hex')
}

/** Keys of free text in `<folder>/<product>/<day>.key`, 32 random bytes each, made when first needed. */
export class TextKeys {
  readonly #folder: string
  /** Keys being made: two first texts of a day must not make two. */
  readonly #making = new Map<string, Promise<Buffer>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  async seal(event: string, product: string, day: string, text: string): Promise<SealedText> {
    const key = await this.#key(product, day)
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(event))
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return { event, product, day, sealed: sealed.toString('base64') }
  }

  /** Undefined when the key was destroyed. Throws when the text is not the one that was sealed. */
  async unseal({ event, product, day, sealed }: SealedText): Promise<string | undefined> {
    const key = await readFile(this.#path(product, day)).catch(() => undefined)
    if (key === undefined) return undefined
    const bytes = Buffer.from(sealed, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(event))
    decipher.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8')
  }

  /**
   * Destroys the key if it is older than `ordered`: a younger one seals what was typed after the spill was dealt with.
   * Returns whether there was one.
   */
  async destroy(product: string, day: string, ordered: Date): Promise<boolean> {
    const path = this.#path(product, day)
    const made = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (made === undefined || made.mtime > ordered) return false
    await rm(path)
    const folder = await open(dirname(path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
    return true
  }

  #path(product: string, day: string): string {
    return join(this.#folder, product, `${day}.key`)
  }

  async #key(product: string, day: string): Promise<Buffer> {
    const path = this.#path(product, day)
    const known = await readFile(path).catch(() => undefined)
    if (known?.length === 32) return known
    const making = this.#making.get(path) ?? make(path)
    this.#making.set(path, making)
    return making.finally(() => this.#making.delete(path))
  }
}

/** Durable and whole before it is used: a key lost in a crash would destroy text nobody chose to destroy. */
async function make(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const key = randomBytes(32)
  const file = await open(`${path}.partial`, 'w', 0o600)
  try {
    await file.writeFile(key)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.partial`, path)
  return key
}
