import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Parser } from 'tar'
import { Digester } from '../../../bundle/digest.ts'
import { fault } from '../codes.ts'
import { isDatabase } from './databases.ts'

/** What is kept of a file of an image made elsewhere. */
export interface ForeignFile {
  readonly layer: string
  readonly sha256?: string
  readonly sha512?: string
  readonly target?: string
  /** A hard link: what it is a link to. */
  readonly linkTo?: string
}

export interface ForeignTree {
  readonly files: Map<string, ForeignFile>
  readonly databases: Map<string, string>
}

/** A hostile archive stops here. */
const MAX_FILES = 1_000_000
const MAX_DATABASE = 64 << 20

/** Adds a layer (plain, gzip or zstd) to what is known of the image so far; nothing is unpacked. Memory: names and digests. */
export async function addLayer(file: string, layer: string, { files, databases }: ForeignTree): Promise<void> {
  const own = new Set<string>()
  const remove = (path: string): void => {
    for (const known of files.keys()) {
      if (own.has(known) || (known !== path && !known.startsWith(`${path}/`) && path !== '')) continue
      files.delete(known)
      databases.delete(known)
    }
  }
  const parser = new Parser({
    onReadEntry: (entry) => {
      const path = posix.normalize(`/${entry.path}`).slice(1).replace(/\/$/, '')
      const name = posix.basename(path)
      if (files.size > MAX_FILES) throw new Error(`more than ${MAX_FILES} files`)
      if (name.startsWith('.wh.')) {
        const folder = posix.dirname(path) === '.' ? '' : posix.dirname(path)
        remove(name === '.wh..wh..opq' ? folder : posix.join(folder, name.slice('.wh.'.length)))
        entry.resume()
        return
      }
      if (entry.type === 'Directory') {
        entry.resume()
        return
      }
      own.add(path)
      if (entry.type === 'SymbolicLink' || entry.type === 'Link') {
        const target = entry.linkpath ?? ''
        files.set(path, entry.type === 'Link' ? { layer, linkTo: posix.normalize(`/${target}`).slice(1) } : { layer, target })
        entry.resume()
        return
      }
      const digester = new Digester()
      const kept: Buffer[] | undefined = isDatabase(path) && (entry.size ?? 0) <= MAX_DATABASE ? [] : undefined
      entry.on('data', (chunk: Buffer) => {
        digester.update(chunk)
        kept?.push(Buffer.from(chunk))
      })
      entry.on('end', () => {
        const { sha256, sha512 } = digester.ref()
        files.set(path, { layer, sha256, sha512 })
        if (kept === undefined) databases.delete(path)
        else databases.set(path, Buffer.concat(kept).toString('utf8'))
      })
    },
  })
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, next) => void (parser.write(chunk) ? next() : parser.once('drain', next)),
    final: (next) => {
      parser.end()
      next()
    },
  })
  const source = createReadStream(file, { highWaterMark: 1 << 20 })
  try {
    const unpack = await decompression(file)
    await (unpack === undefined ? pipeline(source, sink) : pipeline(source, unpack, sink))
  } catch (cause) {
    throw fault('E_IMAGE_ARCHIVE', `the layer ${layer} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

async function decompression(file: string): Promise<ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress> | undefined> {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) return createGunzip()
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? createZstdDecompress() : undefined
  } finally {
    await handle.close()
  }
}
