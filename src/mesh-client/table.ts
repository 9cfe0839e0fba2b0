/** Longest text of a cell; --json has the whole. */
const MAX_CELL = 60

/**
 * Columns under their heads, two spaces between, cells cut at 60 characters. Control characters and those that turn
 * the direction of text are shown as escapes: what a record holds must not move a reader's terminal or a marking.
 */
export function table(heads: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [heads, ...rows].map((row) => row.map(cell))
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => length(row[column] ?? ''))))
  const line = (row: readonly string[]): string =>
    row.map((text, column) => text + ' '.repeat((widths[column] ?? 0) - length(text))).join('  ').trimEnd()
  return [line(cells[0] ?? []), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.slice(1).map(line)].join('\n')
}

/** Text that is safe on a terminal, on one line. */
export function plain(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

function cell(value: unknown): string {
  const text = plain(value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value))
  return length(text) <= MAX_CELL ? text : `${[...text].slice(0, MAX_CELL - 1).join('')}…`
}

const length = (text: string): number => [...text].length
