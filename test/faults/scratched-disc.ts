/**
 * A file system in user space (fuse, kernel protocol 7.31) that shows a folder read-only and answers reads of scratched
 * bytes with EIO, as a drive does:
 *
 *     node scratched-disc.ts FOLDER MOUNT '{"PACK0001.BIN":[[begin,end],…]}'      "*" as a path's ranges: it does not open
 *
 * Prints "mounted"; ends when it is unmounted. Root only.
 */
import { spawnSync } from 'node:child_process'
import { constants, openSync, read, readSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'

const [folder = '', mount = '', scratches = '{}'] = process.argv.slice(2)
const ranges = new Map(Object.entries(JSON.parse(scratches) as Record<string, readonly (readonly [number, number])[] | '*'>))
const { EIO, ENOENT, ENOSYS } = { EIO: 5, ENOENT: 2, ENOSYS: 38 }
/** linux/fuse.h */
const OP = { lookup: 1, forget: 2, getattr: 3, open: 14, read: 15, statfs: 17, release: 18, flush: 25, init: 26, opendir: 27, readdir: 28, releasedir: 29, interrupt: 36, forgetMany: 42 }
const SILENT: readonly number[] = [OP.forget, OP.interrupt, OP.forgetMany]
const DIRECT_IO = 1

/** Node number (1 is the root) → path. */
const paths = ['', folder]
const files = new Map<number, number>()

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 8)
  values.forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), index * 8))
  return bytes
}
const halves = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4))
  return bytes
}

function attributes(node: number): Buffer {
  const { size, mode, blocks } = statSync(paths[node] ?? '')
  return Buffer.concat([words(node, size, blocks, 0, 0, 0), halves(0, 0, 0, (mode & 0o170000) | 0o555, 1, 0, 0, 0, 4096, 0)])
}

function numberOf(path: string): number {
  const known = paths.indexOf(path)
  return known > 0 ? known : paths.push(path) - 1
}

function entries(node: number, offset: number, size: number): Buffer {
  const all: Buffer[] = []
  let length = 0
  for (const [index, entry] of readdirSync(paths[node] ?? '', { withFileTypes: true }).entries()) {
    if (index < offset) continue
    const name = Buffer.from(entry.name)
    const padded = Buffer.concat([name, Buffer.alloc((8 - (name.byteLength % 8)) % 8)])
    const one = Buffer.concat([words(numberOf(join(entry.parentPath, entry.name)), index + 1), halves(name.byteLength, entry.isDirectory() ? 4 : 8), padded])
    if (length + one.byteLength > size) break
    length += one.byteLength
    all.push(one)
  }
  return Buffer.concat(all)
}

/** The answer to a request: its bytes, or an error number. */
function answer(op: number, node: number, body: Buffer): Buffer | number {
  const path = paths[node] ?? ''
  const scratched = ranges.get(relative(folder, path))
  if (op === OP.init) return Buffer.concat([halves(7, 31, 65_536, 0), halves((12 << 16) | 12, 65_536, 1, 0, 0), Buffer.alloc(28)])
  if (op === OP.lookup) {
    const child = join(path, body.toString('utf8', 0, body.indexOf(0)))
    if (!statSync(child, { throwIfNoEntry: false })) return -ENOENT
    return Buffer.concat([words(numberOf(child), 0, 60, 60), halves(0, 0), attributes(numberOf(child))])
  }
  if (op === OP.getattr) return Buffer.concat([words(60), halves(0, 0), attributes(node)])
  if (op === OP.opendir) return Buffer.concat([words(0), halves(0, 0)])
  if (op === OP.open) return scratched === '*' ? -EIO : Buffer.concat([words(0), halves(DIRECT_IO, 0)])
  if (op === OP.readdir) return entries(node, Number(body.readBigUInt64LE(8)), body.readUInt32LE(16))
  if (op === OP.read) {
    const [offset, size] = [Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)]
    if (scratched !== '*' && scratched?.some(([begin, end]) => offset < end && begin < offset + size)) return -EIO
    const file = files.get(node) ?? openSync(path, 'r')
    files.set(node, file)
    const bytes = Buffer.alloc(size)
    return bytes.subarray(0, readSync(file, bytes, 0, size, offset))
  }
  if (op === OP.statfs) return Buffer.alloc(80)
  return op === OP.release || op === OP.releasedir || op === OP.flush ? Buffer.alloc(0) : -ENOSYS
}

const device = openSync('/dev/fuse', constants.O_RDWR)
const options = `fd=3,rootmode=40000,user_id=0,group_id=0,ro`
const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'scratched', mount], { stdio: ['ignore', 'inherit', 'inherit', device] })
if (mounted.status !== 0) throw new Error(`mount ended with ${mounted.status}`)
process.stdout.write('mounted\n')
const request = Buffer.alloc((1 << 20) + 4096)
for (;;) {
  const ended = await promisify(read)(device, request, 0, request.byteLength, null).catch((error: NodeJS.ErrnoException) => error)
  if (ended instanceof Error) {
    if (ended.code === 'EINTR' || ended.code === 'EAGAIN' || ended.code === 'ENOENT') continue
    break
  }
  const [op, node] = [request.readUInt32LE(4), Number(request.readBigUInt64LE(16))]
  if (SILENT.includes(op)) continue
  const given = answer(op, node, request.subarray(40, request.readUInt32LE(0)))
  const body = typeof given === 'number' ? Buffer.alloc(0) : given
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + body.byteLength)
  head.writeInt32LE(typeof given === 'number' ? given : 0, 4)
  request.copy(head, 8, 8, 16)
  writeSync(device, Buffer.concat([head, body]))
}
