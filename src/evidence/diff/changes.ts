/** How two sets of named things differ. */
export interface Changes<T> {
  readonly added: readonly T[]
  readonly gone: readonly T[]
  readonly changed: readonly { readonly before: T; readonly after: T }[]
}

/** Compares by name, in the order of names. */
export function changesOf<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>, same: (a: T, b: T) => boolean): Changes<T> {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const added: T[] = []
  const gone: T[] = []
  const changed: { before: T; after: T }[] = []
  for (const name of names) {
    const [old, now] = [before.get(name), after.get(name)]
    if (old === undefined && now !== undefined) added.push(now)
    else if (old !== undefined && now === undefined) gone.push(old)
    else if (old !== undefined && now !== undefined && !same(old, now)) changed.push({ before: old, after: now })
  }
  return { added, gone, changed }
}

export const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

export function countOf({ added, gone, changed }: Changes<unknown>): number {
  return added.length + gone.length + changed.length
}
