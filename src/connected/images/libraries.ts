import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import type { Content, Node } from './node.ts'

/** A library that programs of an image ask the dynamic loader for and that no package of the image has. */
export interface MissingLibrary {
  readonly library: string
  /** Paths of the files that need it. */
  readonly neededBy: readonly string[]
}

/**
 * Looks at every 64-bit ELF file of an image: packages left out by hand are packages apt does not vouch for. A library
 * counts as present under its name in any folder, since run paths differ. `exempt` files may lack libraries.
 */
export function missingLibraries(
  nodes: ReadonlyMap<string, Node>,
  exempt: (path: string) => boolean,
): readonly MissingLibrary[] {
  const names = new Set(nodes.keys().map((path) => basename(path)))
  const missing = new Map<string, string[]>()
  const files = new Map<string, number>()
  try {
    for (const [path, node] of nodes) {
      if (node.type !== 'file' || exempt(path)) continue
      for (const library of neededBy(node.content, files)) {
        if (!names.has(library)) missing.set(library, [...(missing.get(library) ?? []), path])
      }
    }
  } finally {
    for (const fd of files.values()) closeSync(fd)
  }
  return [...missing].map(([library, paths]) => ({ library, neededBy: paths }))
}

const ELF_64_LITTLE_ENDIAN = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])
const HEADER = 64
const LOAD = 1n
const DYNAMIC = 2n
/** Tags of the dynamic section (System V gABI, chapter 5). */
const NEEDED = 1n
const STRTAB = 5n
const STRSZ = 10n
/** Far above any real table: what claims more is not a program. */
const MAX_TABLE = 16 << 20

interface Segment {
  readonly type: bigint
  readonly offset: bigint
  readonly address: bigint
  readonly size: bigint
}

/** The DT_NEEDED names of an ELF file; nothing for any other file. */
function neededBy(content: Content, files: Map<string, number>): string[] {
  const header = part(content, 0, HEADER, files)
  if (header.length < HEADER || !header.subarray(0, 6).equals(ELF_64_LITTLE_ENDIAN)) return []
  const entry = header.readUInt16LE(54)
  const table = part(content, Number(header.readBigUInt64LE(32)), entry * header.readUInt16LE(56), files)
  const segments: Segment[] = []
  for (let at = 0; entry >= 56 && at + entry <= table.length; at += entry) {
    segments.push({
      type: BigInt(table.readUInt32LE(at)),
      offset: table.readBigUInt64LE(at + 8),
      address: table.readBigUInt64LE(at + 16),
      size: table.readBigUInt64LE(at + 32),
    })
  }
  const dynamic = segments.find(({ type }) => type === DYNAMIC)
  if (dynamic === undefined) return []
  const tags = tagsOf(part(content, Number(dynamic.offset), Number(dynamic.size), files))
  const address = tags.find(([tag]) => tag === STRTAB)?.[1] ?? 0n
  const length = tags.find(([tag]) => tag === STRSZ)?.[1] ?? 0n
  const holder = segments.find(
    (segment) => segment.type === LOAD && address >= segment.address && address < segment.address + segment.size,
  )
  if (holder === undefined) return []
  const strings = part(content, Number(address - holder.address + holder.offset), Number(length), files)
  return tags
    .filter(([tag]) => tag === NEEDED)
    .map(([, offset]) => strings.toString('latin1', Number(offset), strings.indexOf(0, Number(offset))))
}

function tagsOf(section: Buffer): [bigint, bigint][] {
  const tags: [bigint, bigint][] = []
  for (let at = 0; at + 16 <= section.length; at += 16) {
    const tag = section.readBigUInt64LE(at)
    if (tag === 0n) break
    tags.push([tag, section.readBigUInt64LE(at + 8)])
  }
  return tags
}

function part(content: Content, offset: number, size: number, files: Map<string, number>): Buffer {
  if (Buffer.isBuffer(content)) return content.subarray(offset, offset + size)
  const length = Math.max(0, Math.min(size, content.size - offset))
  if (length === 0 || size > MAX_TABLE) return Buffer.alloc(0)
  let fd = files.get(content.file)
  if (fd === undefined) files.set(content.file, (fd = openSync(content.file, 'r')))
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(fd, bytes, 0, length, content.offset + offset))
}
