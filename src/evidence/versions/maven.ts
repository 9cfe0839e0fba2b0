/** Order of Maven 3 versions (POM reference, Version Order Specification). Negative when `a` is older. */
export function compareMaven(a: string, b: string): number {
  const [left, right] = [tokensOf(a), tokensOf(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [x, y] = [left[at], right[at]]
    const difference = compareTokens(x ?? padding(y), y ?? padding(x))
    if (difference !== 0) return difference
  }
  return 0
}

interface Token {
  readonly separator: '.' | '-'
  /** A number of any length, or a qualifier in lower case. */
  readonly value: bigint | string
}

const ORDER = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp']
const ALIASES: Readonly<Record<string, string>> = { ga: '', final: '', release: '', cr: 'rc' }
const SHORT: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' }

function tokensOf(version: string): Token[] {
  const tokens: Token[] = []
  let separator: Token['separator'] = '-'
  for (const [index, part] of version.toLowerCase().split(/([.-])/).entries()) {
    if (index % 2 === 1) {
      separator = part === '.' ? '.' : '-'
      continue
    }
    // Between digits and letters stands a hyphen that nobody wrote.
    const pieces = part === '' ? ['0'] : (part.match(/\d+|\D+/g) ?? [])
    for (const [at, piece] of pieces.entries()) {
      const short = /^\d/.test(pieces[at + 1] ?? '') ? SHORT[piece] : undefined
      const value = /^\d/.test(piece) ? BigInt(piece) : (short ?? ALIASES[piece] ?? piece)
      tokens.push({ separator: at === 0 ? separator : '-', value })
    }
  }
  return trimmed(tokens)
}

/** Without the tokens that say nothing, at the end and before each hyphen. */
function trimmed(tokens: readonly Token[]): Token[] {
  const kept = [...tokens]
  for (let end = kept.length; end > 0; ) {
    const last = kept[end - 1]
    if (last !== undefined && (last.value === 0n || last.value === '')) {
      const next = kept[end]
      if (next === undefined || next.separator === '-') kept.splice(end - 1, 1)
      end -= 1
      continue
    }
    end -= 1
    while (end > 0 && kept[end]?.separator !== '-') end -= 1
  }
  return kept
}

function padding(other: Token | undefined): Token {
  return other?.separator === '.' ? { separator: '.', value: typeof other.value === 'bigint' ? 0n : '' } : { separator: '-', value: '' }
}

function compareTokens(a: Token, b: Token): number {
  const [left, right] = [rank(a), rank(b)]
  if (left !== right) return left - right
  if (typeof a.value === 'bigint' && typeof b.value === 'bigint') return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
  const [x, y] = [String(a.value), String(b.value)]
  const [known, other] = [ORDER.indexOf(x), ORDER.indexOf(y)]
  if (known >= 0 && other >= 0) return known - other
  if (known >= 0 || other >= 0) return known >= 0 ? -1 : 1
  return x < y ? -1 : x > y ? 1 : 0
}

/** A qualifier comes before `-1`, which comes before `.1`. */
const rank = ({ separator, value }: Token): number => (typeof value === 'string' ? 0 : separator === '-' ? 1 : 2)
