import { createHash, type Hash } from 'node:crypto'

/** How a blob is named (`sha256`, its OCI name) and trusted (`sha512`, with `size` in bytes). Lower-case hex. */
export interface BlobRef {
  readonly sha256: string
  readonly sha512: string
  readonly size: number
}

export function sha512(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex')
}

export function refOf(bytes: Uint8Array): BlobRef {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), sha512: sha512(bytes), size: bytes.byteLength }
}

/** Both digests and the size in one pass. */
export class Digester {
  readonly #sha256: Hash = createHash('sha256')
  readonly #sha512: Hash = createHash('sha512')
  #size = 0

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk)
    this.#sha512.update(chunk)
    this.#size += chunk.byteLength
  }

  /** Ends the digester: call once. */
  ref(): BlobRef {
    return { sha256: this.#sha256.digest('hex'), sha512: this.#sha512.digest('hex'), size: this.#size }
  }
}
