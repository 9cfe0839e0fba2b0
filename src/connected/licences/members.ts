import { Writable, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Parser } from 'tar'
import { openPromise } from 'yauzl'

/** Larger ones are not what says a licence. */
const LIMIT = 4 << 20

/** Text of the first member of a tar (plain or gzip) whose path fits; reading stops there. Undefined when there is none. */
export async function tarMember(tar: Readable, wanted: (path: string) => boolean): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let found = false
  const enough = new AbortController()
  const parser = new Parser({
    filter: (path, entry) => !found && wanted(path) && 'type' in entry && entry.type === 'File' && (entry.size ?? 0) <= LIMIT,
    onReadEntry: (entry) => {
      found = true
      entry.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
      entry.on('end', () => enough.abort())
    },
  })
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, next) => void (parser.write(chunk) ? next() : parser.once('drain', next)),
    final: (next) => {
      parser.end()
      next()
    },
  })
  await pipeline(tar, sink, { signal: enough.signal }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error
  })
  return found ? Buffer.concat(chunks).toString('utf8') : undefined
}

/** As `tarMember`, of a zip file on disk. */
export async function zipMember(file: string, wanted: (path: string) => boolean): Promise<string | undefined> {
  const zip = await openPromise(file)
  try {
    for await (const member of zip.eachEntry()) {
      if (!wanted(member.fileName) || member.uncompressedSize > LIMIT) continue
      return (await buffer(await zip.openReadStreamPromise(member))).toString('utf8')
    }
    return undefined
  } finally {
    zip.close()
  }
}
