import { createReadStream, createWriteStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { openPromise } from 'yauzl'
import { fault } from './codes.ts'
import { MADE_AT, madeDirectory, madeSymlink, type Entry } from './node.ts'
import { normalised, readTar } from './tar-read.ts'

/**
 * Lists an archive by the ending of its upstream name: tar (plain, gzip, zstd), zip, wheel. Whatever has to be
 * uncompressed goes to `scratch`, a file that must not exist yet. Undefined for a file that is no archive (a jar is
 * one file to Java).
 */
export async function readArchive(file: string, filename: string, scratch: string): Promise<Entry[] | undefined> {
  try {
    if (/\.(tar\.gz|tgz|crate)$/i.test(filename)) {
      await pipeline(createReadStream(file), createGunzip(), createWriteStream(scratch, { flags: 'wx' }))
      return readTar(scratch)
    }
    if (/\.(tar\.zst|tzst)$/i.test(filename)) {
      await pipeline(createReadStream(file), createZstdDecompress(), createWriteStream(scratch, { flags: 'wx' }))
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

const SYMLINK = 0o120000
const KIND = 0o170000

/** Inflates all members, one after the other, into `scratch` and refers to them by range. yauzl checks sizes and paths. */
async function readZip(file: string, scratch: string): Promise<Entry[]> {
  const zip = await openPromise(file, { strictFileNames: true })
  const entries: Entry[] = []
  await appendFile(scratch, '', { flag: 'wx' })
  let offset = 0
  try {
    for await (const member of zip.eachEntry()) {
      const path = normalised(member.fileName, file)
      const mode = member.externalFileAttributes >>> 16
      if (member.fileName.endsWith('/')) {
        entries.push({ path, node: madeDirectory() })
      } else if ((mode & KIND) === SYMLINK) {
        const target = await text(await zip.openReadStreamPromise(member))
        entries.push({ path, node: madeSymlink(target) })
      } else {
        const size = member.uncompressedSize
        await pipeline(await zip.openReadStreamPromise(member), createWriteStream(scratch, { flags: 'a' }))
        const content = { file: scratch, offset, size }
        offset += size
        entries.push({ path, node: { type: 'file', mode: mode & 0o777, uid: 0, gid: 0, mtime: MADE_AT, content } })
      }
    }
  } finally {
    zip.close()
  }
  return entries
}
