import { open, type FileHandle } from 'node:fs/promises'
import { fault } from '../codes.ts'
import { ioFault } from '../io.ts'
import { collisions, plainPathFault } from '../path.ts'

/** POSIX ustar (IEEE Std 1003.1-1988) with regular files only: enough for any `tar`, and for a reader of one page. */
const BLOCK = 512
const MAX_FILES = 2_000

function field(text: string, length: number): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(length)], length)
}

const octal = (value: number, length: number): Buffer => field(`${value.toString(8).padStart(length - 1, '0')}\0`, length)

/** `mtime` in seconds. */
function header(path: string, size: number, mtime: number): Buffer {
  const bytes = Buffer.concat([
    field(path, 100),
    ...[octal(0o644, 8), octal(0, 8), octal(0, 8), octal(size, 12), octal(mtime, 12)],
    Buffer.from('        0'),
    ...[field('', 100), Buffer.from('ustar\u000000'), field('', 32), field('', 32), octal(0, 8), octal(0, 8), field('', 155), field('', 12)],
  ])
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** Writes files of a folder, in the order given, to a new archive. Paths have at most 100 bytes. */
export async function writeArchive(target: string, files: readonly { readonly path: string; readonly file: string; readonly size: number }[], mtime: number): Promise<void> {
  const out = await open(target, 'wx', 0o644)
  const buffer = Buffer.alloc(1 << 20)
  try {
    for (const { path, file, size } of files) {
      await out.writeFile(header(path, size, mtime))
      const source = await open(file, 'r')
      try {
        for (;;) {
          const { bytesRead } = await source.read(buffer, 0, buffer.byteLength, null)
          if (bytesRead === 0) break
          await out.writeFile(buffer.subarray(0, bytesRead))
        }
      } finally {
        await source.close()
      }
      await out.writeFile(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK))
    }
    await out.writeFile(Buffer.alloc(2 * BLOCK))
  } finally {
    await out.close()
  }
}

export interface Place {
  readonly position: number
  readonly size: number
}

/** Where each file of an archive stands. @throws E_VOLUME_INVALID for anything but an archive as `writeArchive` makes them */
export async function readArchive(path: string): Promise<Map<string, Place>> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw ioFault(error, `opening ${path}`)
  }
  const wrong = (why: string) => fault('E_VOLUME_INVALID', `${path} is not a volume: ${why}`, { expected: 'a tar archive that pack wrote' })
  try {
    const places = new Map<string, Place>()
    const block = Buffer.alloc(BLOCK)
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(block, 0, BLOCK, position)
      if (bytesRead === 0 || block.every((byte) => byte === 0)) {
        const [two] = collisions([...places.keys()])
        if (two !== undefined) throw wrong(`two files cannot both stand: ${two}`)
        return places
      }
      const text = (from: number, length: number) => block.toString('latin1', from, from + length).split('\0', 1)[0] ?? ''
      const number = (from: number, length: number) => (/^[0-7]+$/.test(text(from, length).trim()) ? parseInt(text(from, length), 8) : -1)
      const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
      const [name, size] = [text(0, 100), number(124, 12)]
      if (bytesRead < BLOCK || text(257, 5) !== 'ustar' || number(148, 8) !== sum || size < 0) throw wrong(`no header at byte ${position}`)
      if (text(156, 1) !== '0' || text(345, 155) !== '') throw wrong('it holds something other than plain files')
      const why = plainPathFault(name)
      if (why !== undefined || places.has(name)) throw wrong(`a file name ${why ?? 'stands twice'}`)
      if (places.size >= MAX_FILES) throw wrong('it holds too many files')
      places.set(name, { position: position + BLOCK, size })
      position += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    }
  } finally {
    await file.close()
  }
}
