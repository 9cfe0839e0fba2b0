import { createHash } from 'node:crypto'

export const sha512 = (text: string): string => createHash('sha512').update(text).digest('hex')

/** `sha256:…` as a statement names a blob. */
export const blobRefOf = (digest: string) => ({ sha256: digest.replace(/^sha256:/, ''), sha512: sha512(digest), size: 1 })
