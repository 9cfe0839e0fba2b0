import type { Header } from 'tar'

/** What extended headers say of the entry after them. */
export interface Extension {
  path?: string
  linkpath?: string
  size?: number
  mtime?: Date
  uid?: number
  gid?: number
}

const UTF8 = 'ISO-IR 10646 2000 UTF-8'

const LONG_PATH = new Set(['NextFileHasLongPath', 'OldGnuLongPath'])

export const EXTENSIONS: ReadonlySet<Header['type']> = new Set([
  'ExtendedHeader',
  'OldExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
] as const)

/**
 * Reads the body of an extended header: GNU long names, and pax (POSIX.1-2001), whose records are taken apart by their
 * lengths, as readers that go by lines differ from those that do not. Throws a RangeError that says what is wrong.
 */
export function readExtension(type: Header['type'], body: Buffer): Extension {
  if (type === 'NextFileHasLongLinkpath') return { linkpath: long(body) }
  if (LONG_PATH.has(type)) return { path: long(body) }
  const records = paxRecords(body)
  for (const key of records.keys()) {
    if (key.startsWith('GNU.')) throw new RangeError(`the extended header ${key}: sparse files and volumes of GNU tar are not taken`)
    // Global headers carry comments (git archives): nothing that an entry needs.
    if (type === 'GlobalExtendedHeader' && (key === 'path' || key === 'linkpath' || key === 'size'))
      throw new RangeError(`a global header that gives every entry the same ${key}`)
  }
  const charset = records.get('hdrcharset') ?? UTF8
  if (charset !== UTF8) throw new RangeError(`an extended header in ${JSON.stringify(charset)}`)
  return type === 'GlobalExtendedHeader' ? {} : known(records)
}

/** Joins what several headers say; the same thing twice is no archive. */
export function joined(one: Extension, other: Extension): Extension {
  const twice = Object.keys(one).find((key) => key in other)
  if (twice !== undefined) throw new RangeError(`two extended headers that give ${twice}`)
  return { ...one, ...other }
}

function long(body: Buffer): string {
  const end = body.indexOf(0)
  if (end !== -1 && body.subarray(end).some((byte) => byte !== 0)) throw new RangeError('a long name with bytes behind its end')
  return body.subarray(0, end === -1 ? body.length : end).toString('utf8')
}

function paxRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < body.length; ) {
    const [, digits = ''] = /^([1-9][0-9]{0,7}) /.exec(body.toString('latin1', at, at + 9)) ?? []
    const end = at + Number(digits)
    const equals = body.indexOf(0x3d, at)
    if (digits === '' || end > body.length || body[end - 1] !== 0x0a || equals === -1 || equals >= end) throw new RangeError('a malformed extended header')
    const key = body.toString('utf8', at + digits.length + 1, equals)
    if (records.has(key)) throw new RangeError(`an extended header with ${key} twice`)
    records.set(key, body.toString('utf8', equals + 1, end - 1))
    at = end
  }
  return records
}

function known(records: ReadonlyMap<string, string>): Extension {
  const extension: Extension = {}
  for (const key of ['path', 'linkpath'] as const) {
    const value = records.get(key)
    if (value !== undefined) extension[key] = value
  }
  for (const key of ['size', 'uid', 'gid'] as const) {
    const value = records.get(key)
    if (value === undefined) continue
    if (!/^\d{1,15}$/.test(value)) throw new RangeError(`an extended header with ${key} ${JSON.stringify(value)}`)
    extension[key] = Number(value)
  }
  const mtime = records.get('mtime')
  if (mtime !== undefined) {
    if (!/^-?\d{1,12}(?:\.\d*)?$/.test(mtime)) throw new RangeError(`an extended header with mtime ${JSON.stringify(mtime)}`)
    extension.mtime = new Date(Number(mtime) * 1000)
  }
  return extension
}
