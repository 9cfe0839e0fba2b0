import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { Header } from 'tar'
import { Entries, type ArchiveKind } from './entries.ts'
import type { Entry, Node } from './node.ts'
import { EXTENSIONS, joined, readExtension, type Extension } from './tar-extended.ts'

const BLOCK = 512
/** Extended headers hold names, never content: more is an attack on memory. */
const MAX_EXTENSION = 1 << 20
const EMPTY = new Set<Header['type']>(['Link', 'SymbolicLink', 'Directory'])

/**
 * Lists an uncompressed tar (ustar, GNU or pax); file contents stay where they are and are referred to by range.
 * Refuses what two readers of tar could take differently, and whatever no image needs: devices, sockets, paths that
 * leave the archive, paths that stand twice or below a link, hard links to anything but a file before them.
 * @throws E_IMAGE_ARCHIVE
 */
export function readTar(file: string, kind: ArchiveKind = 'archive'): Entry[] {
  const fd = openSync(file, 'r')
  const entries = new Entries(file, kind)
  try {
    read(fd, file, entries)
    return entries.list
  } catch (error) {
    if (error instanceof RangeError) throw entries.refused(error.message)
    throw error
  } finally {
    closeSync(fd)
  }
}

function read(fd: number, file: string, entries: Entries): void {
  const end = fstatSync(fd).size
  const block = Buffer.alloc(BLOCK)
  let own: Extension = {}
  let offset = 0
  for (;;) {
    if (readSync(fd, block, 0, BLOCK, offset) !== BLOCK) throw new RangeError('it ends without its last block')
    if (block.every((byte) => byte === 0)) break
    const header = headerOf(block)
    if (!header.cksumValid) throw new RangeError(`wrong header checksum at byte ${offset}`)
    const start = offset + BLOCK
    const isExtension = EXTENSIONS.has(header.type)
    const size = (isExtension ? undefined : own.size) ?? sizeOf(block)
    if (EMPTY.has(header.type) && size !== 0) throw new RangeError(`${header.path} is a ${header.type} with ${size} bytes`)
    if (start + size > end) throw new RangeError('truncated')
    offset = start + Math.ceil(size / BLOCK) * BLOCK
    if (isExtension) {
      if (size > MAX_EXTENSION) throw new RangeError('oversized extended header')
      own = joined(own, readExtension(header.type, bytesAt(fd, start, size)))
      continue
    }
    entries.add(own.path ?? header.path ?? '', nodeOf(header, own, { file, start, size }, entries))
    own = {}
  }
  if (Object.keys(own).length > 0) throw new RangeError('an extended header without an entry')
  zerosOnly(fd, offset, end)
}

/** Numbers of GNU tar that are none make the library throw. */
function headerOf(block: Buffer): Header {
  try {
    return new Header(block)
  } catch (error) {
    throw new RangeError(`no header: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The field as POSIX has it, or a number of GNU tar; one that readers take differently is refused. */
function sizeOf(block: Buffer): number {
  const field = block.subarray(124, 136)
  const binary = ((field[0] ?? 0) & 0x80) !== 0
  const text = field.toString('latin1')
  if (!binary && !/^ *[0-7]*[ \0]*$/.test(text)) throw new RangeError(`a size that is none: ${JSON.stringify(text)}`)
  const size = binary ? Number(BigInt(`0x${field.toString('hex', 1)}`)) : Number.parseInt(text.trim() || '0', 8) || 0
  if ((binary && field[0] !== 0x80) || !Number.isSafeInteger(size)) throw new RangeError('a size beyond all files')
  return size
}

/** Entries behind the end are read by some and not by others. */
function zerosOnly(fd: number, from: number, end: number): void {
  const chunk = Buffer.alloc(1 << 16)
  for (let at = from; at < end; ) {
    const count = readSync(fd, chunk, 0, chunk.length, at)
    if (count === 0) return
    if (chunk.subarray(0, count).some((byte) => byte !== 0)) throw new RangeError('something stands behind its end')
    at += count
  }
}

function nodeOf(header: Header, own: Extension, at: { file: string; start: number; size: number }, entries: Entries): Node {
  const owned = {
    mode: (header.mode ?? 0o644) & 0o7777,
    uid: own.uid ?? header.uid ?? 0,
    gid: own.gid ?? header.gid ?? 0,
    mtime: Math.max(0, Math.floor((own.mtime ?? header.mtime ?? new Date(0)).getTime() / 1000)),
  }
  const linkpath = own.linkpath ?? header.linkpath ?? ''
  switch (header.type) {
    case 'Directory':
      return { type: 'directory', ...owned }
    case 'SymbolicLink':
      return { type: 'symlink', target: linkpath, ...owned, mode: 0o777 }
    case 'Link':
      return entries.linked(linkpath)
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return { type: 'file', content: { file: at.file, offset: at.start, size: at.size }, ...owned }
    default:
      throw new RangeError(`an entry of type ${header.type}: ${own.path ?? header.path}`)
  }
}

function bytesAt(fd: number, start: number, size: number): Buffer {
  const buffer = Buffer.alloc(size)
  if (readSync(fd, buffer, 0, size, start) !== size) throw new RangeError('truncated')
  return buffer
}
