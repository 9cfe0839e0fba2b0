import { createReadStream, createWriteStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { openPromise } from 'yauzl'
import { fault } from './codes.ts'
import { MADE_AT, madeDirectory, madeSymlink, type Entry } from './node.ts'
import { Entries } from './entries.ts'
import { readTar } from './tar-read.ts'

/**
 * Lists an archive by the ending of its upstream name: tar (plain, gzip, zstd), zip, wheel. Whatever has to be
 * uncompressed goes to `scratch`, a file that must not exist yet. Undefined for a file that is no archive (a jar is
 * one file to Java).
 */
export async function readArchive(file: string, filename: string, scratch: string): Promise<Entry[] | undefined> {
  try {
    if (/\.(tar\.gz|tgz|crate)$/i.test(filename)) {
      await pipeline(createReadStream(file), createGunzip(), atMost(INFLATED), createWriteStream(scratch, { flags: 'wx' }))
      return readTar(scratch)
    }
    if (/\.(tar\.zst|tzst)$/i.test(filename)) {
      await pipeline(createReadStream(file), createZstdDecompress(), atMost(INFLATED), createWriteStream(scratch, { flags: 'wx' }))
      return readTar(scratch)
    }
    if (/\.tar$/i.test(filename)) return readTar(file)
    if (/\.(zip|whl)$/i.test(filename)) return await readZip(file, scratch)
    return undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('E_')) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw fault('E_IMAGE_ARCHIVE', `${filename} cannot be unpacked: ${reason}`, { cause: error })
  }
}

/** Bytes that an archive may inflate to; the largest of the platform, a query engine, has about 2 GB. */
export const INFLATED = 2 ** 34
const TARGET_LIMIT = 4096

/** Passes bytes on, at most so many. */
export function atMost(limit: number): Transform {
  let size = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      size += chunk.length
      next(size > limit ? new Error(`it inflates to more than ${limit} bytes`) : null, chunk)
    },
  })
}

const SYMLINK = 0o120000
const KIND = 0o170000

/** Inflates all members, one after the other, into `scratch` and refers to them by range. yauzl checks sizes and paths. */
async function readZip(file: string, scratch: string): Promise<Entry[]> {
  const zip = await openPromise(file, { strictFileNames: true })
  const entries = new Entries(file, 'archive')
  await appendFile(scratch, '', { flag: 'wx' })
  let offset = 0
  try {
    for await (const member of zip.eachEntry()) {
      const mode = member.externalFileAttributes >>> 16
      if (member.fileName.endsWith('/')) {
        entries.add(member.fileName, madeDirectory())
      } else if ((mode & KIND) === SYMLINK) {
        if (member.uncompressedSize > TARGET_LIMIT) throw entries.refused(`the link ${member.fileName} leads to ${member.uncompressedSize} bytes`)
        const target = await text(await zip.openReadStreamPromise(member))
        entries.add(member.fileName, madeSymlink(target))
      } else {
        const size = member.uncompressedSize
        if (offset + size > INFLATED) throw entries.refused(`it inflates to more than ${INFLATED} bytes`)
        await pipeline(await zip.openReadStreamPromise(member), createWriteStream(scratch, { flags: 'a' }))
        const content = { file: scratch, offset, size }
        offset += size
        entries.add(member.fileName, { type: 'file', mode: mode & 0o777, uid: 0, gid: 0, mtime: MADE_AT, content })
      }
    }
  } finally {
    zip.close()
  }
  return entries.list
}
