/** Bytes of a file: a range of a file on disk, or a small buffer. */
export type Content = { readonly file: string; readonly offset: number; readonly size: number } | Buffer

interface Owned {
  /** Permission bits, set-id and sticky included. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970. */
  readonly mtime: number
}

export type Directory = Owned & { readonly type: 'directory' }
export type RegularFile = Owned & { readonly type: 'file'; readonly content: Content }
export type Symlink = Owned & { readonly type: 'symlink'; readonly target: string }
/** Hard links are two paths with the same (identical) RegularFile object. */
export type Node = Directory | RegularFile | Symlink

/** A path relative to the root, normalised, without leading or trailing slash. */
export interface Entry {
  readonly path: string
  readonly node: Node
}

/** Who brings a file into an image. */
export interface Origin {
  /** For people: `package tool`, `layer base`. */
  readonly what: string
  /** sha256 of the input the file was taken out of, or made of; absent for what the recipe itself says. */
  readonly input?: string
}

/** An entry of a layer in the making. */
export interface OwnedEntry extends Entry {
  readonly origin?: Origin
}

/**
 * Time of everything that is made here rather than taken from an archive. A constant, not the release's date: an image
 * whose inputs did not change keeps its digest from one release to the next.
 */
export const MADE_AT = Date.UTC(1980, 0, 1) / 1000

export function sizeOf(content: Content): number {
  return Buffer.isBuffer(content) ? content.length : content.size
}

export function madeDirectory(mode = 0o755, uid = 0, gid = 0): Directory {
  return { type: 'directory', mode, uid, gid, mtime: MADE_AT }
}

export function madeFile(content: Content, mode = 0o644, uid = 0, gid = 0): RegularFile {
  return { type: 'file', content, mode, uid, gid, mtime: MADE_AT }
}

export function madeSymlink(target: string): Symlink {
  return { type: 'symlink', target, mode: 0o777, uid: 0, gid: 0, mtime: MADE_AT }
}

/** File mode as a recipe writes it. */
export function octal(mode: string | undefined, otherwise: number): number {
  return mode === undefined ? otherwise : Number.parseInt(mode, 8)
}
