import { existsSync, readdirSync, statSync } from 'node:fs'
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
  /** Sorted relative paths of all files below a folder, those of overlays included; `['']` for a file. */
  files(path: string): string[]
}

/** Later overlays win over earlier ones. */
export function lookupIn(overlays: readonly Overlay[]): Lookup {
  const replacements = (path: string): string[] =>
    overlays.toReversed().flatMap(({ root, folder }) => {
      const inside = relative(resolve(root), resolve(path))
      const outside = inside.startsWith('..') || isAbsolute(inside)
      return outside || !existsSync(join(folder, inside)) ? [] : [join(folder, inside)]
    })
  const lookup = (path: string): string => replacements(path)[0] ?? path
  return Object.assign(lookup, {
    exists: (path: string) => existsSync(lookup(path)),
    files: (path: string) => [...new Set([path, ...replacements(path)].flatMap(filesBelow))].toSorted(),
  })
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return ['']
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
}
