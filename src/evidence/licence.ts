import parse from 'spdx-expression-parse'

/** One entry of `licenses` of a CycloneDX component. */
export type LicenceChoice =
  | { readonly license: { readonly id: string; readonly acknowledgement: 'declared' } }
  | { readonly license: { readonly name: string; readonly acknowledgement: 'declared' } }
  | { readonly expression: string; readonly acknowledgement: 'declared' }

/**
 * What an ecosystem states, as CycloneDX has it: an id where SPDX knows one, an expression where it is the only
 * statement, else the words as they stand. Nothing is guessed.
 */
export function licenceChoices(stated: readonly string[]): LicenceChoice[] {
  const texts = [...new Set(stated.map((text) => text.trim()).filter((text) => text !== ''))].sort()
  const acknowledgement = 'declared'
  const [only] = texts
  if (only !== undefined && texts.length === 1 && kindOf(only) === 'expression') return [{ expression: only, acknowledgement }]
  return texts.map((text) => ({ license: { ...(kindOf(text) === 'id' ? { id: text } : { name: text }), acknowledgement } }) as LicenceChoice)
}

function kindOf(text: string): 'id' | 'expression' | 'words' {
  try {
    const parsed = parse(text)
    if ('conjunction' in parsed || parsed.exception !== undefined || parsed.plus === true) return 'expression'
    return /^(LicenseRef-|DocumentRef-)/.test(text) ? 'expression' : 'id'
  } catch {
    return 'words'
  }
}

const SPDX_NAMES: Readonly<Record<string, string>> = {
  expat: 'MIT',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsd-4-clause': 'BSD-4-Clause',
  zlib: 'Zlib',
  isc: 'ISC',
}

/**
 * A licence as debian/copyright names it (Debian's machine-readable copyright format 1.0), by its SPDX name where the two
 * mean the same; unchanged otherwise.
 */
export function spdxOfDebian(text: string): string {
  const words = text.replaceAll(',', ' ').split(/\s+/).filter((word) => word !== '')
  const named = words.map((word) => {
    if (/^(?:or|and)$/i.test(word)) return word.toUpperCase()
    const [, family, major, minor, later] = /^(A?GPL|LGPL|GFDL)-(\d)(\.\d)?(\+)?$/.exec(word) ?? []
    if (family !== undefined) return `${family}-${major}${minor ?? '.0'}-${later === undefined ? 'only' : 'or-later'}`
    return SPDX_NAMES[word.toLowerCase()] ?? word
  })
  // "A and B or C" binds as written in Debian, and otherwise in SPDX: only one kind of word is taken over.
  if (named.includes('OR') && named.includes('AND')) return text
  const joined = named.join(' ')
  return kindOf(joined) === 'words' ? text : joined
}
