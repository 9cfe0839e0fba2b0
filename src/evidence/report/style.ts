import { Html } from './html.ts'

/** The marking stands on each printed page. One column that reads on a desk's screen and prints on A4 or Letter, in black: nothing is said by colour alone. */
export function styleOf(marking: string): Html {
  return new Html(`
@page { size: auto; margin: 18mm 15mm; @top-center { content: ${cssText(marking)}; font-weight: bold } @bottom-center { content: ${cssText(`${marking}   `)} counter(page) " / " counter(pages) } }
${STYLE}`)
}

/** A string of CSS: whatever could end it, or the style, is written by its number. */
function cssText(text: string): string {
  return `"${text.replaceAll(/[^A-Za-z0-9 /.,_-]/gu, (character) => `\\${(character.codePointAt(0) ?? 0).toString(16)} `)}"`
}

const STYLE = `
body { font: 10.5pt/1.45 "DejaVu Sans", Verdana, Arial, sans-serif; color: #000; background: #fff; max-width: 60rem; margin: 0 auto; padding: 0 1rem }
h1 { font-size: 19pt; margin: .4em 0 .1em }
h2 { font-size: 14pt; border-bottom: 1.5pt solid #000; margin: 1.6em 0 .5em; break-after: avoid }
h3 { font-size: 11pt; margin: 1.2em 0 .3em; break-after: avoid }
p { margin: .4em 0 }
.marking { text-align: center; font-weight: bold; letter-spacing: .08em; border: 1pt solid #000; padding: .2em; margin: .6em 0 }
.none { font-style: italic }
.page { break-before: page }
table { border-collapse: collapse; width: 100%; margin: .4em 0; font-size: 9pt }
thead { display: table-header-group }
tr { break-inside: avoid }
th, td { border: .5pt solid #777; padding: .2em .4em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th, td:first-child { overflow-wrap: normal }
th { background: #eee }
dl { display: grid; grid-template-columns: 11rem 1fr; gap: .2em 1em; margin: .4em 0 }
dt { font-weight: bold }
dd { margin: 0; overflow-wrap: anywhere }
code { font: 9pt "DejaVu Sans Mono", Menlo, Consolas, monospace }
.change { font-weight: bold; white-space: nowrap }
`
