export interface Row {
  readonly step: string
  readonly seconds: number
  readonly outcome: string
  readonly look: string
}

/** The demo's last page: steps, times and where to look. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['step', 'time', 'outcome', 'where to look'],
    ...rows.map((row) => [row.step, `${row.seconds.toFixed(1)} s`, row.outcome, row.look]),
  ]
  const widths = [0, 1, 2, 3].map((at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const lines = cells.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ').trimEnd())
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '))
  return lines.join('\n')
}
