import { printable } from '../../bundle/printable.ts'
import type { Difference, Side } from './difference.ts'
import { counted, sectionsOf, type Line } from './sections.ts'

/** The difference for a terminal or a text file; nothing from a bundle reaches the terminal unescaped. */
export function differenceText(difference: Difference): string {
  const { before, after, packages, images, advisories } = difference
  const sections = sectionsOf(difference)
  return [
    `from  ${side(before)}`,
    `to    ${side(after)}`,
    ...(sections.length === 0 ? ['', 'They hold the same.'] : [`packages: ${counted(packages)}; images: ${counted(images)}`]),
    advisories === undefined
      ? 'advisories: NEW carries no data on vulnerabilities, so nothing is said of them'
      : `advisories: ${advisories.introduced.length} introduced, ${advisories.fixed.length} fixed, ${advisories.remaining.length} remain, ${advisories.settled.length} settled by VEX; data of ${advisories.sources.map(({ name, dated }) => `${name} ${dated}`).join(', ')}`,
    ...sections.flatMap(({ title, lines }) => ['', title, ...lines.flatMap(lineText)]),
  ]
    .map((line) => printable(line, 4000))
    .join('\n')
}

function side({ name, version, kind, sequence, digest, signers }: Side): string {
  return `${name} ${version}, ${kind}, sequence ${sequence}, signed by ${signers.join(', ')}, sha512 ${digest.slice(0, 16)}…`
}

function lineText({ sign, what, before, after }: Line): string[] {
  if (sign === '~') return [`  ~ ${what}`, `      was ${before ?? ''}`, `      is  ${after ?? ''}`]
  const value = sign === '-' ? before : after
  return [`  ${sign} ${what}${value === undefined || value === '' ? '' : `  ${value}`}`]
}
