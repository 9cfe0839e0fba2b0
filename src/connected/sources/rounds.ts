/**
 * A project of npm, pip or go holds one version of a package: several versions of one name are resolved in rounds, each
 * of which has every name at most once.
 */
export function rounds<T>(items: readonly T[], nameOf: (item: T) => string): T[][] {
  const result: T[][] = []
  for (const item of items) {
    const free = result.find((round) => round.every((other) => nameOf(other) !== nameOf(item)))
    if (free === undefined) result.push([item])
    else free.push(item)
  }
  return result
}
