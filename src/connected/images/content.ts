import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { fault } from './codes.ts'
import { sizeOf, type Content } from './node.ts'

/** Reads a small file of an image (passwd, control) whole. */
export function contentBytes(content: Content): Buffer {
  if (Buffer.isBuffer(content)) return content
  const bytes = Buffer.alloc(content.size)
  const fd = openSync(content.file, 'r')
  try {
    if (readSync(fd, bytes, 0, content.size, content.offset) !== content.size) {
      throw fault('E_IMAGE_ARCHIVE', `${content.file} is shorter than its index says`)
    }
  } finally {
    closeSync(fd)
  }
  return bytes
}

export function wholeFile(file: string): Content {
  return { file, offset: 0, size: statSync(file).size }
}

/** True when two contents are the same bytes. Memory: two chunks. */
export function sameContent(a: Content, b: Content): boolean {
  if (sizeOf(a) !== sizeOf(b)) return false
  const read = [readerOf(a), readerOf(b)] as const
  try {
    for (let at = 0; at < sizeOf(a); at += CHUNK) {
      if (!read[0].chunk(at).equals(read[1].chunk(at))) return false
    }
    return true
  } finally {
    for (const { close } of read) close()
  }
}

/** The bytes, a chunk at a time; each chunk is used up before the next is asked for. */
export function* chunksOf(content: Content): Generator<Buffer> {
  const { chunk, close } = readerOf(content)
  try {
    for (let at = 0; at < sizeOf(content); at += CHUNK) yield chunk(at)
  } finally {
    close()
  }
}

const CHUNK = 1 << 20

function readerOf(content: Content): { chunk(at: number): Buffer; close(): void } {
  if (Buffer.isBuffer(content)) return { chunk: (at) => content.subarray(at, at + CHUNK), close: () => undefined }
  const fd = openSync(content.file, 'r')
  const buffer = Buffer.allocUnsafe(CHUNK)
  return {
    chunk: (at) => buffer.subarray(0, readSync(fd, buffer, 0, Math.min(CHUNK, content.size - at), content.offset + at)),
    close: () => closeSync(fd),
  }
}
