import { printable } from '../../bundle/printable.ts'

/** Text that is HTML already: only `html` makes it, so that everything else is escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | readonly Part[]

/** A template whose values are escaped, except those that `html` itself made. Nothing from a bundle becomes mark-up. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.map((text, index) => (index === 0 ? text : `${shown(values[index - 1] ?? '')}${text}`)).join(''))
}

function shown(value: Part): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(shown).join('')
  return escaped(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Control and direction characters as `\u{…}`, then the five characters that mean something to HTML. */
export function escaped(text: string): string {
  return printable(text, 10_000).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** A table, or a sentence in its place when there is nothing to show. */
export function table(heads: readonly string[], rows: readonly (readonly Part[])[], none: string): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`
  return html`<table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>
${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table>`
}

/** A digest in groups of eight, to be read to somebody. */
export function digest(hex: string): Html {
  return html`<code>${hex.match(/.{1,8}/g)?.join(' ') ?? hex}</code>`
}
