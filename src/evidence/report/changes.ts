import type { Difference } from '../diff/difference.ts'
import { sectionsOf, type Line, type Section } from '../diff/sections.ts'
import { html, table, type Html } from './html.ts'

/** What opens something stands on the page of changes; the rest in an appendix. */
const FIRST = ['The release itself', 'Ports', 'Callers', 'Accounts and privileges']
const SIGNS: Readonly<Record<Line['sign'], string>> = { '+': 'new', '-': 'gone', '~': 'changed', '=': 'still' }

export function changesPage(difference: Difference): Html {
  const { before } = difference
  const sections = sectionsOf(difference)
  const rest = sections.filter(({ title }) => !FIRST.includes(title))
  return html`<section class="page"><h2>What changed since ${before.name} ${before.version}</h2>
<p>Compared with sequence ${before.sequence}, sha512 of bundle.json <code>${before.digest.slice(0, 16)}…</code>, signed by ${before.signers.join(', ')}; accepted under the same policy.</p>
${FIRST.map((title) => {
    const section = sections.find((one) => one.title === title)
    return section === undefined ? html`<h3>${title}</h3><p class="none">Nothing changed.</p>` : sectionTable(section)
  })}
<h3>Everything else, in the appendix</h3>
${table(['what', 'changes'], rest.map(({ title, lines }) => [title, lines.length]), 'Nothing else changed.')}</section>`
}

export function changesAppendix(difference: Difference): Html {
  const rest = sectionsOf(difference).filter(({ title }) => !FIRST.includes(title))
  return rest.length === 0 ? html`` : html`<section class="page"><h2>Appendix: all other changes</h2>${rest.map(sectionTable)}</section>`
}

function sectionTable({ title, lines }: Section): Html {
  return html`<h3>${title}</h3>${table(
    ['', 'what', 'before', 'now'],
    lines.map(({ sign, what, before = '', after = '' }) => [html`<span class="change">${sign} ${SIGNS[sign]}</span>`, what, before, after]),
    'Nothing changed.',
  )}`
}
