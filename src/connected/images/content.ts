import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { fault } from './codes.ts'
import type { Content } from './node.ts'

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
