/**
 * A matcher for a list of globs over relative paths: `*` and `?` stay within a path component, `**` crosses them; a
 * later `!glob` takes back what an earlier one matched. `a/**` is what is below `a`, not `a` itself.
 */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const rules = globs.map((glob) => {
    const negated = glob.startsWith('!')
    return { negated, pattern: patternOf(negated ? glob.slice(1) : glob) }
  })
  return (path) => {
    let matched = false
    for (const { negated, pattern } of rules) {
      if (matched === negated && pattern.test(path)) matched = !negated
    }
    return matched
  }
}

function patternOf(glob: string): RegExp {
  const source = glob
    .replace(/^\//, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (wild) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' })[wild] ?? wild)
  return new RegExp(`^${source}$`, 's')
}
