import { fault } from './codes.ts'
import { printable } from './printable.ts'

/** The one way a document of the format is written: two spaces, members in their order, one line feed at the end. */
export function serialise(value: unknown): Buffer {
  return Buffer.from(textOf(value))
}

function textOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Levels of nesting: more than any document has, and less than any parser's stack. */
const DEPTH = 32
/** No string holds a line feed, so a line's indentation is its level. */
const TOO_DEEP = new RegExp(`\\n {${2 * (DEPTH + 1)}}`)

export interface StrictOptions {
  /** Names the document in faults. */
  readonly what: string
  /** Most bytes taken. */
  readonly limit: number
}

/**
 * Parses JSON that is the same bytes when written again. That refuses duplicate members, trailing bytes, a byte order
 * mark, malformed UTF-8, -0, numbers that lose digits and any second spelling of the same value, so that two readers
 * cannot see two documents in the same signed bytes.
 * @throws E_JSON_STRICT, E_TOO_LARGE
 */
export function parseStrict(bytes: Uint8Array, { what, limit }: StrictOptions): unknown {
  if (bytes.byteLength > limit) {
    throw fault('E_TOO_LARGE', `${what} is larger than this program reads`, {
      expected: `at most ${limit} bytes`,
      found: `${bytes.byteLength} bytes`,
    })
  }
  let value: unknown
  let text: string
  let again: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
    again = textOf(value)
  } catch (cause) {
    throw fault('E_JSON_STRICT', `${what} is not JSON`, { found: printable((cause as Error).message), cause })
  }
  const number = /\n *"(\d+)": /.exec(text)?.[1]
  if (again === text && number !== undefined)
    throw fault('E_JSON_STRICT', `${what} has a member that parsers put in another order`, {
      expected: 'member names other than numbers',
      found: number,
    })
  if (again === text && TOO_DEEP.test(text))
    throw fault('E_JSON_STRICT', `${what} is nested too deep`, { expected: `at most ${DEPTH} levels`, found: 'more' })
  if (again !== text) {
    let at = 0
    while (at < again.length && again[at] === text[at]) at++
    throw fault('E_JSON_STRICT', `${what} is not written in the one allowed way`, {
      expected: 'the same bytes after parsing and writing again with two spaces and a final line feed',
      found: `a difference at character ${at}`,
    })
  }
  return value
}
