/** What desks, mail and copy programs do to a file that they take for text: said, so that it is copied again as it is. */

const LF = (text: string): string => text.replaceAll('\r\n', '\n')
const CR_LF = (text: string): string => LF(text).replaceAll('\n', '\r\n')
const ENDED = (text: string): string => (text.endsWith('\n') ? text : `${text}${text.includes('\r\n') ? '\r\n' : '\n'}`)
const UNENDED = (text: string): string => text.replace(/\r?\n$/, '')
const AS_IS = (text: string): string => text

const FORMS = [
  { name: 'CR LF line ends instead of LF', form: LF },
  { name: 'LF line ends instead of CR LF', form: CR_LF },
  { name: 'the same line ends', form: AS_IS },
] as const
const TAILS = [
  { name: '', tail: AS_IS },
  { name: ' and no line end after its last line', tail: ENDED },
  { name: ' and a line end too many', tail: UNENDED },
] as const

/** Larger files are not looked at. */
export const LINE_ENDS_LIMIT = 1 << 20

/** How the line ends of `bytes` differ from those of bytes that are `right`; undefined when more than these is wrong. */
export function lineEndsOf(bytes: Buffer, right: (bytes: Buffer) => boolean): string | undefined {
  if (bytes.byteLength > LINE_ENDS_LIMIT) return undefined
  const text = bytes.toString('latin1')
  const tried = new Set([text])
  for (const { name, form } of FORMS) {
    for (const { name: more, tail } of TAILS) {
      const other = tail(form(text))
      if (tried.has(other)) continue
      tried.add(other)
      if (right(Buffer.from(other, 'latin1'))) return `it has ${name}${more}: something copied it as text`
    }
  }
  return undefined
}

/** As `lineEndsOf`, for a document of ours, whose lines end with LF: one try, since `right` is dear. */
export function documentEndsOf(bytes: Buffer, right: (bytes: Buffer) => boolean): string | undefined {
  const text = bytes.toString('latin1')
  const other = ENDED(LF(text))
  if (other === text || !right(Buffer.from(other, 'latin1'))) return undefined
  return `it has ${text.includes('\r\n') ? 'CR LF line ends instead of LF' : 'no line end after its last line'}: something copied it as text`
}
