import { crc32 } from 'node:zlib'

/** Archives written by hand, byte for byte, as no tool would write them. */

export interface ArchiveAttack {
  readonly name: string
  readonly bytes: Buffer
}

interface Fields {
  readonly type?: string
  readonly body?: string | Buffer
  readonly link?: string | Buffer
  /** The twelve bytes of the size, when they are not those of the body. */
  readonly size?: string | Buffer
  readonly prefix?: string
  readonly checksum?: number
}

const BLOCK = 512
const END = Buffer.alloc(2 * BLOCK)
const bytesOf = (value: string | Buffer): Buffer => (typeof value === 'string' ? Buffer.from(value) : value)
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)])
const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`

/** One entry of a POSIX ustar archive: its header, and its body up to the next block. */
export function entry(name: string | Buffer, { type = '0', body = '', link = '', size, prefix = '', checksum }: Fields = {}): Buffer {
  const block = Buffer.alloc(BLOCK)
  bytesOf(name).copy(block, 0, 0, 100)
  block.write(['0000644', '0000000', '0000000', ''].join('\0'), 100, 'latin1')
  bytesOf(size ?? octal(Buffer.byteLength(body))).copy(block, 124, 0, 12)
  block.write('00000000000\0', 136, 'latin1')
  block.write('        ', 148)
  block.write(type, 156)
  bytesOf(link).copy(block, 157, 0, 100)
  block.write('ustar\u000000', 257, 'latin1')
  block.write(prefix, 345, 155)
  const sum = checksum ?? block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([block, padded(bytesOf(body))])
}

export const tar = (...entries: Buffer[]): Buffer => Buffer.concat([...entries, END])
const folder = (name: string): Buffer => entry(name, { type: '5' })
const symlink = (name: string, link: string): Buffer => entry(name, { type: '2', link })
const hardlink = (name: string, link: string): Buffer => entry(name, { type: '1', link })

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest) + 1
  while (String(length).length + Buffer.byteLength(rest) !== length) length = String(length).length + Buffer.byteLength(rest)
  return `${length}${rest}`
}
const pax = (records: Readonly<Record<string, string>>, type = 'x'): Buffer =>
  entry('PaxHeaders/x', { type, body: Object.entries(records).map(([key, value]) => record(key, value)).join('') })
const paxText = (body: string | Buffer, type = 'x'): Buffer => entry('PaxHeaders/x', { type, body })
const longName = (body: string | Buffer, type = 'L'): Buffer => entry('././@LongLink', { type, body })

const attack = (name: string, ...entries: Buffer[]): ArchiveAttack => ({ name, bytes: tar(...entries) })
const raw = (name: string, bytes: Buffer): ArchiveAttack => ({ name, bytes })
const file = entry('a', { body: 'a' })

/** Refused whatever the archive is for. */
export const TARS: readonly ArchiveAttack[] = [
  attack('a prefix that leads out', entry('x', { prefix: '../..' })),
  attack('a prefix that is absolute', entry('x', { prefix: '/etc' })),
  attack('a name that is not UTF-8', entry(Buffer.from([0x61, 0xe9, 0x62]))),
  attack('an overlong dot', entry(Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x78]))),
  attack('a folder that leads out', folder('../d/')),
  attack('an absolute folder', folder('/d/')),
  attack('a link that stands outside', symlink('../l', 'x')),
  attack('a hard link that stands outside', file, hardlink('../b', 'a')),
  attack('a hard link with an absolute name', file, hardlink('/b', 'a')),
  ...['/etc/passwd', '../x', '../../etc/shadow', '..', '/', '', 'nothing', './../a', 'a/../../b', 'b'].map((link) => attack(`a hard link to ${JSON.stringify(link)}`, file, hardlink('b', link))),
  attack('a hard link to a folder', folder('d/'), hardlink('b', 'd')),
  attack('a hard link to a link', symlink('l', '/etc/shadow'), hardlink('b', 'l')),
  attack('a hard link to a file behind it', hardlink('b', 'a'), file),
  attack('a hard link with bytes of its own', file, entry('b', { type: '1', link: 'a', body: 'other' })),
  attack('a hard link by pax to outside', file, pax({ linkpath: '../../etc/shadow' }), hardlink('b', 'a')),
  attack('a hard link by pax to an absolute path', file, pax({ linkpath: '/etc/shadow' }), hardlink('b', 'a')),
  attack('a hard link by a long name to outside', file, longName('../../etc/shadow\0', 'K'), hardlink('b', 'a')),
  attack('a file through a link', symlink('l', '/etc'), entry('l/passwd')),
  attack('a file through a link upwards', symlink('l', '..'), entry('l/x')),
  attack('a file through a link deeper down', folder('d/'), symlink('d/l', '../../..'), entry('d/l/x/y')),
  attack('a folder through a link', symlink('l', '/tmp'), folder('l/d/')),
  attack('a link through a link', symlink('l', '/tmp'), symlink('l/m', 'x')),
  attack('a hard link through a link', file, symlink('l', '/tmp'), hardlink('l/b', 'a')),
  attack('a file through a hard link', file, hardlink('b', 'a'), entry('b/x')),
  attack('a file below a file', file, entry('a/x')),
  attack('a link in place of a folder', entry('d/x'), symlink('d', '/etc'), entry('d/y')),
  attack('a file in place of a folder', entry('d/x'), entry('d')),
  attack('a link in place of an empty folder', folder('d/'), symlink('d', '/etc')),
  attack('a folder in place of a link', symlink('d', '/etc'), folder('d/')),
  attack('a file twice', file, entry('a', { body: 'b' })),
  attack('a file twice, once with a dot', file, entry('./a', { body: 'b' })),
  attack('a file twice, once with two slashes', entry('d/a'), entry('d//a')),
  attack('a file twice, once with a step', entry('d/a'), entry('d/./a')),
  attack('a file, then a link of its name', file, symlink('a', '/etc/passwd')),
  attack('a link, then a file of its name', symlink('a', '/etc/passwd'), file),
  attack('a link twice', symlink('a', 'x'), symlink('a', '/etc')),
  attack('a hard link over a file', file, entry('b'), hardlink('b', 'a')),
  attack('the root as a link', symlink('./', '/etc')),
  attack('the root as a file', entry('.', { body: 'x' })),
  attack('the root as a hard link', file, hardlink('.', 'a')),
  attack('an entry without a name', entry('')),
  attack('a link that leads nowhere', symlink('l', '')),
  attack('a link to a line break', symlink('l', 'a\nb')),
  attack('a link by pax to a NUL', pax({ linkpath: 'a\0/etc' }), symlink('l', 'x')),
  attack('a link to what is not UTF-8', entry('l', { type: '2', link: Buffer.from([0xff, 0xfe]) })),
  attack('a link longer than a path', pax({ linkpath: 'x'.repeat(4096) }), symlink('l', 'x')),
  attack('a link with bytes', entry('l', { type: '2', link: 'x', body: 'bytes' })),
  attack('a folder with bytes', entry('d/', { type: '5', body: 'bytes' })),
  attack('a folder as a file with bytes', entry('d/', { type: '0', body: 'bytes' })),
  ...[['3', 'a character device'], ['4', 'a block device'], ['6', 'a pipe'], ['S', 'a sparse file of GNU tar'], ['D', 'a dump of a folder'], ['M', 'a continued file'], ['N', 'a long name of old'], ['V', 'a volume header'], ['A', 'an access list'], ['I', 'an inode'], ['Z', 'an unknown type'], ['s', 'a socket'], ['9', 'a reserved type']].map(([type = '', name]) => attack(name ?? '', entry('x', { type }))),
  ...['../x', '/etc/passwd', 'a/../../x', '..', 'a\0b', 'a\nb', 'a\u202eb', '', '..\\x'].map((path) => attack(`pax path ${JSON.stringify(path)}`, pax({ path }), entry('innocent'))),
  ...['../x\0', '/etc/passwd\0', 'a\nb\0', 'good\0../x', '', '..\0\0'].map((path) => attack(`long name ${JSON.stringify(path)}`, longName(path), entry('innocent'))),
  attack('a long name of 256 bytes in a step', longName(`${'x'.repeat(256)}\0`), entry('innocent')),
  attack('a long name of 1025 bytes', longName(`${'d/'.repeat(512)}x\0`), entry('innocent')),
  attack('a pax path of 1025 bytes', pax({ path: `${'d/'.repeat(512)}x` }), entry('innocent')),
  attack('two names, by pax and by GNU', pax({ path: 'one' }), longName('other\0'), entry('innocent')),
  attack('two names, by GNU and by pax', longName('other\0'), pax({ path: 'one' }), entry('innocent')),
  attack('two long names', longName('one\0'), longName('other\0'), entry('innocent')),
  attack('two extended headers with a path', pax({ path: 'one' }), pax({ path: 'other' }), entry('innocent')),
  attack('a record twice', paxText(record('path', 'one') + record('path', 'other')), entry('innocent')),
  attack('an extended header for nothing', file, pax({ path: 'x' })),
  attack('a long name for nothing', file, longName('x\0')),
  attack('a record that is shorter than it says', paxText('99 path=x\n'), entry('innocent')),
  attack('a record that is longer than it says', paxText('8 path=xyz\n'), entry('innocent')),
  attack('a record of no length', paxText('0 path=x\n'), entry('innocent')),
  attack('a record of negative length', paxText('-9 path=x\n'), entry('innocent')),
  attack('a record with a plus', paxText('+10 path=x\n'), entry('innocent')),
  attack('a record without a line feed', paxText('9 path=abc'), entry('innocent')),
  attack('a record without a value', paxText('7 path\n'), entry('innocent')),
  attack('a record inside a record', paxText(record('path', 'x\n11 path=/x')), entry('innocent')),
  attack('a comment that hides a path to those who read by lines', paxText(record('comment', `x\n${record('path', '/etc/passwd')}`) + record('path', '../x')), entry('innocent')),
  attack('bytes behind the records', paxText(`${record('path', 'x')}\0\0`), entry('innocent')),
  ...['-1', '0x10', '1e3', ' 1', '1.5', '', '99999999999999999999', 'NaN'].map((size) => attack(`pax size ${JSON.stringify(size)}`, pax({ size }), entry('x', { body: 'x' }))),
  attack('a pax size beyond the end', pax({ size: '1000000' }), entry('x', { body: 'x' })),
  attack('a pax size that swallows an entry', pax({ size: '1024' }), symlink('x', 'y'), entry('hidden')),
  attack('a pax size of a hard link', file, pax({ size: '512' }), hardlink('b', 'a'), entry('hidden')),
  ...['uid', 'gid'].map((key) => attack(`pax ${key} of -1`, pax({ [key]: '-1' }), file)),
  attack('pax mtime without end', pax({ mtime: 'Infinity' }), file),
  attack('a global path', pax({ path: '../x' }, 'g'), file),
  attack('a global link', pax({ linkpath: '/etc/passwd' }, 'g'), symlink('l', 'x')),
  attack('a global size', pax({ size: '0' }, 'g'), file),
  attack('another character set', pax({ hdrcharset: 'BINARY', path: 'x' }), file),
  ...['GNU.sparse.major', 'GNU.sparse.name', 'GNU.sparse.realsize', 'GNU.sparse.map', 'GNU.sparse.numblocks', 'GNU.dumpdir', 'GNU.volume.label'].map((key) => attack(`pax ${key}`, pax({ [key]: '1' }), file)),
  attack('an extended header of 2 MiB', paxText(record('comment', 'x'.repeat(2 << 20))), file),
  attack('a long name of 2 MiB', longName('x'.repeat(2 << 20)), file),
  ...['00000000008\0', '0000000001x\0', '-0000000001\0', '+0000000001\0', '0x000000001\0', '00000 00001\0', '1.000000000\0', '\0\0\0\u00001000000'].map((size) => attack(`a size of ${JSON.stringify(size)}`, entry('x', { size }))),
  attack('a negative size', entry('x', { size: Buffer.alloc(12, 0xff) })),
  attack('a size beyond 2^53', entry('x', { size: Buffer.from('800000000fffffffffffffff', 'hex') })),
  attack('a size of 2^60 in the first byte', entry('x', { size: Buffer.from('810000000000000000000001', 'hex') })),
  attack('a size beyond the end', entry('x', { size: octal(1 << 20) })),
  attack('a wrong checksum', entry('x', { checksum: 1 })),
  raw('an empty file', Buffer.alloc(0)),
  raw('no end', file),
  raw('half an end', Buffer.concat([file, Buffer.alloc(100)])),
  raw('half a header', file.subarray(0, 300)),
  raw('half a body', Buffer.concat([entry('a', { body: 'x'.repeat(2000) }).subarray(0, 1500)])),
  raw('an entry behind the end', Buffer.concat([tar(file), entry('hidden')])),
  raw('an archive behind the end', Buffer.concat([tar(file), tar(entry('hidden'))])),
  raw('an entry behind one empty block', Buffer.concat([file, Buffer.alloc(BLOCK), entry('hidden'), END])),
  raw('a script behind the end', Buffer.concat([tar(file), Buffer.from('#!/bin/sh\n')])),
  raw('text', Buffer.alloc(2048, 'text')),
]

/** Names that remove what lies below, which an archive of an upstream has no business with. */
export const WHITEOUTS: readonly ArchiveAttack[] = [
  ...['.wh.passwd', 'etc/.wh.shadow', '.wh..wh..opq', 'etc/.wh..wh..opq', './.wh.etc', 'a/b/.wh.c'].map((path) => attack(`the whiteout ${path}`, entry(path))),
  attack('a whiteout that is a link', symlink('.wh.x', '/etc')),
  attack('a whiteout that is a folder', folder('.wh.x/')),
]

/** Whiteouts that no layer may hold either. */
export const WILD_WHITEOUTS: readonly ArchiveAttack[] = [
  ...['.wh.', '.wh..', '.wh...', 'a/.wh.', 'a/.wh..', 'a/.wh...', '.wh..wh.x', '.wh..wh..wh..opq', '.wh.d/x', 'a/.wh..wh..opq/x', '.wh..wh.plnk/1.2'].map((path) => attack(`the whiteout ${path}`, entry(path))),
]

interface Member {
  readonly name: string | Buffer
  readonly body?: Buffer
  /** Unix mode in the external attributes. */
  readonly mode?: number
  readonly size?: number
}

/** A zip of stored members. */
export function zip(...members: Member[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, body = Buffer.from('x'), mode = 0o100644, size = body.length } of members) {
    const bytes = bytesOf(name)
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(20, 0)
    shared.writeUInt16LE(0x800, 2)
    shared.writeUInt32LE(crc32(body), 10)
    shared.writeUInt32LE(size, 14)
    shared.writeUInt32LE(size, 18)
    shared.writeUInt16LE(bytes.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, bytes, body])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE((mode << 16) >>> 0, 6)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), shared, rest, bytes]))
    parts.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, central, end])
}

const LINK = 0o120777
const zipped = (name: string, ...members: Member[]): ArchiveAttack => ({ name, bytes: zip(...members) })

export const ZIPS: readonly ArchiveAttack[] = [
  ...['../x', '../../etc/passwd', 'a/../../x', '..', '/etc/passwd', '//x', 'C:/x', 'c:x', '..\\x', 'a\\..\\x', '\\x', 'a\nb', 'a\0b', 'a\u202eb', `${'x'.repeat(256)}`, `${'d/'.repeat(512)}x`, '.wh.x', 'a/.wh..wh..opq', '.wh.x/y'].map((name) => zipped(`a member ${JSON.stringify(name.slice(0, 40))}`, { name })),
  zipped('a member twice', { name: 'a' }, { name: 'a', body: Buffer.from('other') }),
  zipped('a member twice, once with a dot', { name: 'a' }, { name: './a' }),
  zipped('a member below a member', { name: 'a' }, { name: 'a/b' }),
  zipped('a member through a link', { name: 'l', mode: LINK, body: Buffer.from('/etc') }, { name: 'l/passwd' }),
  zipped('a member, then a link of its name', { name: 'a' }, { name: 'a', mode: LINK, body: Buffer.from('/etc') }),
  zipped('a link in place of a folder', { name: 'd/x' }, { name: 'd', mode: LINK, body: Buffer.from('/etc') }),
  zipped('a folder that leads out', { name: '../d/', body: Buffer.alloc(0) }),
  zipped('a link to a line break', { name: 'l', mode: LINK, body: Buffer.from('a\nb') }),
  zipped('a link that leads nowhere', { name: 'l', mode: LINK, body: Buffer.alloc(0) }),
  zipped('a link of 5000 bytes', { name: 'l', mode: LINK, body: Buffer.alloc(5000, 'x') }),
  zipped('a member larger than the archive', { name: 'a', size: 1 << 30 }),
  zipped('a member larger than all archives', { name: 'a', size: 0xfffffffe }),
  zipped('a name that is not UTF-8', { name: Buffer.from([0x61, 0xff, 0x62]) }),
]
