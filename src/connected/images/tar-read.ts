import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { Header, Pax } from 'tar'
import { fault } from './codes.ts'
import type { Entry, Node } from './node.ts'

const BLOCK = 512
/** Extended headers hold names, never content: more is an attack on memory. */
const MAX_EXTENSION = 1 << 20

/**
 * Lists an uncompressed tar (ustar, GNU or pax); file contents stay where they are and are referred to by range.
 * Refuses device nodes, sockets and paths that leave the archive: no image needs them.
 */
export function readTar(file: string): Entry[] {
  const fd = openSync(file, 'r')
  try {
    return [...entries(fd, file)]
  } finally {
    closeSync(fd)
  }
}

interface Extension {
  path?: string | undefined
  linkpath?: string | undefined
  size?: number | undefined
  mtime?: Date | undefined
  uid?: number | undefined
  gid?: number | undefined
}

function* entries(fd: number, file: string): Generator<Entry> {
  const end = fstatSync(fd).size
  const nodes = new Map<string, Node>()
  const block = Buffer.alloc(BLOCK)
  let own: Extension = {}
  for (let offset = 0; offset + BLOCK <= end; ) {
    readSync(fd, block, 0, BLOCK, offset)
    const header = new Header(block)
    if (header.nullBlock) return
    if (!header.cksumValid) throw unreadable(file, `wrong header checksum at byte ${offset}`)
    const start = offset + BLOCK
    const isExtension = EXTENSIONS.has(header.type)
    const size = (isExtension ? undefined : own.size) ?? header.size ?? 0
    const holds = header.type === 'Link' || header.type === 'SymbolicLink' || header.type === 'Directory' ? 0 : size
    offset = start + Math.ceil(holds / BLOCK) * BLOCK
    if (offset > end + BLOCK) throw unreadable(file, 'truncated')
    if (isExtension) {
      if (size > MAX_EXTENSION) throw unreadable(file, 'oversized extended header')
      own = { ...own, ...extension(header.type, text(fd, start, size)) }
      continue
    }
    const path = normalised(own.path ?? header.path ?? '', file)
    const node = nodeOf(header, own, { file, start, size }, nodes)
    own = {}
    nodes.set(path, node)
    if (path !== '') yield { path, node }
  }
}

const EXTENSIONS = new Set([
  'ExtendedHeader',
  'OldExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
])

function extension(type: string, body: string): Extension {
  const long = body.replace(/\0.*$/s, '')
  if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') return { path: long }
  if (type === 'NextFileHasLongLinkpath') return { linkpath: long }
  // Global headers carry comments (git archives): nothing that an entry needs.
  if (type === 'GlobalExtendedHeader') return {}
  const pax = Pax.parse(body, {})
  const known = { path: pax.path, linkpath: pax.linkpath, size: pax.size, mtime: pax.mtime, uid: pax.uid, gid: pax.gid }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}

function nodeOf(
  header: Header,
  own: Extension,
  at: { file: string; start: number; size: number },
  nodes: ReadonlyMap<string, Node>,
): Node {
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
    case 'Link': {
      const target = nodes.get(normalised(linkpath, at.file))
      if (target === undefined) throw unreadable(at.file, `a hard link to ${linkpath}, which is not in the archive`)
      return target
    }
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return { type: 'file', content: { file: at.file, offset: at.start, size: at.size }, ...owned }
    default:
      throw unreadable(at.file, `an entry of type ${header.type}: ${own.path ?? header.path}`)
  }
}

/** Relative path without `.` steps; throws on `..` and NUL. */
export function normalised(path: string, file: string): string {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  if (steps.includes('..') || path.includes('\0')) throw unreadable(file, `an unsafe path: ${JSON.stringify(path)}`)
  return steps.join('/')
}

function text(fd: number, start: number, size: number): string {
  const buffer = Buffer.alloc(size)
  readSync(fd, buffer, 0, size, start)
  return buffer.toString('utf8')
}

function unreadable(file: string, what: string): Error {
  return fault('E_IMAGE_ARCHIVE', `${file}: ${what}`)
}
