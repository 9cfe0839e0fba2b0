import { existsSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'

/** A folder that mirrors `root`: a file found there replaces the one at the same place under `root`. */
export interface Overlay {
  readonly root: string
  readonly folder: string
}

/** Turns the path a definition means into the path of the file that is read. */
export interface Lookup {
  (path: string): string
  exists(path: string): boolean
}

/** Later overlays win over earlier ones. */
export function lookupIn(overlays: readonly Overlay[]): Lookup {
  const lookup = (path: string): string => {
    for (const { root, folder } of overlays.toReversed()) {
      const inside = relative(resolve(root), resolve(path))
      if (inside.startsWith('..') || isAbsolute(inside)) continue
      const replaced = join(folder, inside)
      if (existsSync(replaced)) return replaced
    }
    return path
  }
  return Object.assign(lookup, { exists: (path: string) => existsSync(lookup(path)) })
}
