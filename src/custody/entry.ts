import { KEY_ID } from '../bundle/keys.ts'
import { hex128, instant, integer, line, listOf, matching, nullOr, oneOf, recordOf } from '../bundle/shape.ts'
import { KINDS } from '../bundle/statement.ts'
import { parseStrict, serialise } from '../bundle/strict-json.ts'

export const ENTRY_TYPE = 'application/vnd.sallyport.custody.v1+json'
const LIMIT = 1 << 20

/** What stands on a medium, whatever it is: the digest is over its files as SHA512SUMS would list them. */
export interface Content {
  readonly files: number
  readonly bytes: number
  readonly sha512: string
}

/** The bundle on a medium, by its own words: nothing of it is judged here. `volume` is null for a bundle as a folder. */
export interface Carried {
  readonly kind: string
  readonly name: string
  readonly version: string
  readonly sequence: number
  readonly sha512: string
  readonly volume: { readonly number: number; readonly of: number } | null
}

export interface Scan {
  readonly result: 'clean' | 'found' | 'not scanned'
  /** What the scanner calls itself, its definitions included; null without a scan. */
  readonly scanner: string | null
  /** The words it was run with, but for the path. */
  readonly words: readonly string[]
  /** sha512 over the definitions that were named; null when it used its own. */
  readonly definitions: string | null
  readonly found: readonly string[]
  readonly seconds: number
  /** Why nothing was scanned. */
  readonly reason: string | null
}

/** One crossing. docs/guides/custody.md describes it. */
export interface Entry {
  readonly type: typeof ENTRY_TYPE
  readonly number: number
  /** sha512 of the line before; null in the first. */
  readonly previous: string | null
  readonly time: string
  readonly outcome: 'crossed' | 'refused'
  readonly medium: { readonly serial: string; readonly label: string | null }
  readonly from: string
  readonly to: string
  readonly content: Content
  readonly carried: Carried | null
  readonly scan: Scan
  readonly persons: readonly { readonly keyId: string; readonly person: string; readonly part: 'hands over' | 'takes' }[]
  readonly tools: { readonly sallyport: string; readonly node: string; readonly openssl: string; readonly system: string }
  readonly note: string | null
}

const keyId = matching(KEY_ID, '16 lower-case hex digits')
const ENTRY = recordOf({
  type: oneOf(ENTRY_TYPE),
  number: integer(1),
  previous: nullOr(hex128),
  time: instant,
  outcome: oneOf('crossed', 'refused'),
  medium: recordOf({ serial: line, label: nullOr(line) }),
  from: line,
  to: line,
  content: recordOf({ files: integer(0), bytes: integer(0), sha512: hex128 }),
  carried: nullOr(
    recordOf({ kind: oneOf(...KINDS), name: line, version: line, sequence: integer(1), sha512: hex128, volume: nullOr(recordOf({ number: integer(1), of: integer(1) })) }),
  ),
  scan: recordOf({
    result: oneOf('clean', 'found', 'not scanned'),
    scanner: nullOr(line),
    words: listOf(line, 64),
    definitions: nullOr(hex128),
    found: listOf(line, 1000),
    seconds: integer(0),
    reason: nullOr(line),
  }),
  persons: listOf(recordOf({ keyId, person: line, part: oneOf('hands over', 'takes') }), 2, (item: { keyId: string }) => item.keyId),
  tools: recordOf({ sallyport: line, node: line, openssl: line, system: line }),
  note: nullOr(line),
})

/** The text that both persons sign. Throws a RangeError with every fault when a member may not stand in it. */
export function serialiseEntry(entry: Entry): Buffer {
  const bytes = serialise(entry)
  parseEntry(bytes)
  return bytes
}

/** Throws a RangeError, or what strict JSON says, for anything that is no entry. */
export function parseEntry(bytes: Uint8Array): Entry {
  const value = parseStrict(bytes, { what: 'an entry of the log of custody', limit: LIMIT })
  const faults: string[] = []
  ENTRY(value, '', faults)
  const entry = value as Entry
  if (faults.length === 0 && (entry.number === 1) !== (entry.previous === null)) faults.push('previous: is null in the first entry and only there')
  if (faults.length === 0 && entry.persons.length !== 2) faults.push('persons: two take part')
  if (faults.length > 0) throw new RangeError(faults.join('; '))
  return entry
}
