/** One element; text is escaped, children are elements that were made here. Undefined attributes are left out. */
export function element(name: string, attributes: Readonly<Record<string, string | undefined>>, content: string | readonly string[] = []): string {
  const words = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${escaped(value)}"`]))
  if (typeof content === 'string') return `<${name}${words.join('')}>${escaped(content)}</${name}>`
  if (content.length === 0) return `<${name}${words.join('')}/>`
  return `<${name}${words.join('')}>\n${content.map((line) => line.replace(/^(?=<)/gm, '  ')).join('\n')}\n</${name}>`
}

/** XML 1.0 has no way to write most control characters: those become U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
