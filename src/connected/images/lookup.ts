import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { shown } from '../../bundle/printable.ts'
import { isWhiteout, placeFault } from './place.ts'

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
  /** Why a file, or files below a folder, may not be read: names that no image or tree may have, links that lead out, devices. */
  unfit(path: string, wanted?: (inside: string) => boolean): string[]
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
    unfit: (path: string, wanted: (inside: string) => boolean = () => true) => [path, ...replacements(path)].flatMap((one) => unfitBelow(one, wanted)),
  })
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return ['']
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
}

/** What a reviewer of the folder would not see crossing: a link brings bytes from elsewhere, a pipe never ends. */
function unfitBelow(path: string, wanted: (inside: string) => boolean): string[] {
  if (!existsSync(path)) return []
  const own = kindFault(path, dirname(path), true)
  if (own !== undefined) return [`${shown(path)} ${own}`]
  if (!statSync(path).isDirectory()) return []
  return filesBelow(path).filter(wanted).flatMap((inside) => {
    const why = nameFault(inside) ?? kindFault(join(path, inside), path, false)
    return why === undefined ? [] : [`${shown(join(path, inside))} ${why}`]
  })
}

function nameFault(inside: string): string | undefined {
  return placeFault(inside) ?? (isWhiteout(inside) ? 'would remove something from an image' : undefined)
}

function kindFault(file: string, folder: string, mayBeFolder: boolean): string | undefined {
  const state = lstatSync(file)
  if (state.isFile() || (mayBeFolder && state.isDirectory())) return undefined
  if (!state.isSymbolicLink()) return 'is neither a file nor a folder'
  if (!existsSync(file)) return 'is a link that leads nowhere'
  if (!realpathSync(file).startsWith(`${realpathSync(folder)}/`)) return 'is a link that leads out of its folder'
  return mayBeFolder || statSync(file).isFile() ? undefined : 'is a link to a folder'
}
