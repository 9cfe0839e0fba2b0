import { closeSync, openSync, readSync } from 'node:fs'
import { Header, Pax } from 'tar'
import { fault } from './codes.ts'
import { sizeOf, type Content, type Entry, type Node, type RegularFile } from './node.ts'

const BLOCK = 512
const CHUNK = 1 << 20
const MAX_OPEN = 256

/**
 * The tar of a layer (POSIX.1-2001 pax, extended headers only where ustar cannot say it): the same entries give the
 * same bytes. Entries are written in the order given, which must put a directory before what it holds. Hard links are
 * entries that share one node: the first is the file, later ones refer to it. Memory: one chunk.
 */
export function* writeTar(entries: Iterable<Entry>): Generator<Buffer> {
  const out = new Chunks()
  const files = new Map<string, number>()
  const written = new Map<RegularFile, string>()
  try {
    for (const { path, node } of entries) {
      const first = node.type === 'file' ? written.get(node) : undefined
      yield* out.add(headerOf(path, node, first))
      if (node.type !== 'file' || first !== undefined) continue
      written.set(node, path)
      yield* contentOf(node.content, out, files)
      yield* out.add(Buffer.alloc(padding(sizeOf(node.content))))
    }
    yield* out.add(Buffer.alloc(2 * BLOCK))
    yield* out.rest()
  } finally {
    for (const fd of files.values()) closeSync(fd)
  }
}

function headerOf(path: string, node: Node, linkTo: string | undefined): Buffer {
  const type =
    linkTo !== undefined ? 'Link' : ({ directory: 'Directory', file: 'File', symlink: 'SymbolicLink' } as const)[node.type]
  const fields = {
    path: node.type === 'directory' ? `${path}/` : path,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: node.type === 'file' && linkTo === undefined ? sizeOf(node.content) : 0,
    mtime: new Date(node.mtime * 1000),
    type,
    linkpath: linkTo ?? (node.type === 'symlink' ? node.target : ''),
  } as const
  const header = new Header(fields)
  const block = Buffer.alloc(BLOCK)
  if (!header.encode(block)) return block
  const { path: name, linkpath, size, uid, gid } = fields
  const pax = new Pax({ path: name, size, uid, gid, ...(linkpath === '' ? {} : { linkpath }) }).encode()
  return Buffer.concat([pax, block])
}

function* contentOf(content: Content, out: Chunks, files: Map<string, number>): Generator<Buffer> {
  if (Buffer.isBuffer(content)) {
    yield* out.add(content)
    return
  }
  const fd = descriptorOf(content.file, files)
  for (let done = 0; done < content.size; ) {
    const room = out.room(content.size - done)
    const count = readSync(fd, room, 0, room.length, content.offset + done)
    if (count === 0) throw fault('E_IMAGE_ARCHIVE', `${content.file} became shorter while it was read`)
    done += count
    yield* out.filled(count)
  }
}

/** Entries are sorted by path, so that many files take turns: a few stay open. */
function descriptorOf(file: string, files: Map<string, number>): number {
  const open = files.get(file)
  if (open !== undefined) return open
  const oldest = files.size < MAX_OPEN ? undefined : files.entries().next().value
  if (oldest !== undefined) {
    files.delete(oldest[0])
    closeSync(oldest[1])
  }
  const fd = openSync(file, 'r')
  files.set(file, fd)
  return fd
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** Gathers small pieces into chunks. A chunk that was handed out is never written again. */
class Chunks {
  #chunk = Buffer.allocUnsafe(CHUNK)
  #used = 0

  /** Free space of the current chunk, at most `wanted` bytes; say how much was used with `filled`. */
  room(wanted: number): Buffer {
    return this.#chunk.subarray(this.#used, this.#used + Math.min(wanted, CHUNK - this.#used))
  }

  *filled(count: number): Generator<Buffer> {
    this.#used += count
    if (this.#used < CHUNK) return
    yield this.#chunk
    this.#chunk = Buffer.allocUnsafe(CHUNK)
    this.#used = 0
  }

  *add(piece: Buffer): Generator<Buffer> {
    for (let done = 0; done < piece.length; ) {
      const room = this.room(piece.length - done)
      piece.copy(room, 0, done, done + room.length)
      done += room.length
      yield* this.filled(room.length)
    }
  }

  *rest(): Generator<Buffer> {
    if (this.#used > 0) yield this.#chunk.subarray(0, this.#used)
  }
}
