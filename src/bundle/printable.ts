/**
 * Text from a medium as it may be shown: control, format and separator characters as `\u{…}`, so that a hostile name
 * neither writes to the reader's terminal nor turns its direction; cut at `length` characters.
 */
export function printable(text: string, length = 2000): string {
  const cut = text.length > length ? `${text.slice(0, length)}...` : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Cn}]/gu, (character) => {
    const code = (character.codePointAt(0) as number).toString(16).padStart(4, '0')
    return `\\u{${code}}`
  })
}

/** Any JSON value in one short line. */
export function shown(value: unknown): string {
  return printable(JSON.stringify(value) ?? String(value), 60)
}
