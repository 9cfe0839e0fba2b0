import { shown } from './printable.ts'

/** Which paths may cross, and which sets of paths stay apart on every file system. */

/**
 * Control, format (bidirectional overrides, zero width), surrogate, line and paragraph separators; and what this Unicode
 * does not know, since nobody can say how it will look or fold.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Cn}]/u

/**
 * Why `path` may not stand in a tree, or undefined when it may: relative, normalised, `/` between segments, nothing
 * invisible, at most 1024 bytes in all and 255 in a segment.
 */
export function pathFault(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'is not a string'
  if (path === '') return 'is empty'
  if (!path.isWellFormed() || INVISIBLE.test(path)) return 'holds control or invisible characters'
  if (path.includes('\\')) return 'holds a backslash'
  if (path.startsWith('/')) return 'is absolute'
  if (Buffer.byteLength(path) > 1024) return 'is longer than 1024 bytes'
  for (const segment of path.split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..') return `has the segment "${segment}"`
    if (Buffer.byteLength(segment) > 255) return 'has a segment longer than 255 bytes'
  }
  return undefined
}

/** As `pathFault`, for files that stand in the bundle itself: the names also work on media that Windows reads. */
export function plainPathFault(path: unknown): string | undefined {
  const fault = pathFault(path)
  if (fault) return fault
  for (const segment of (path as string).split('/')) {
    if (!/^[A-Za-z0-9._@+=,~ -]+$/.test(segment))
      return 'holds characters other than letters, digits and ._@+=,~- and space'
    if (/[. ]$/.test(segment) || segment.startsWith(' '))
      return 'has a segment that begins or ends with a space or ends with a dot'
    if (/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(segment)) return 'has a segment that Windows reserves'
  }
  return undefined
}

/** The form under which two names are the same on some file system: Unicode NFC, letter case folded away. */
function folded(name: string): string {
  // Most names are such: no second string for each of 100,000 paths.
  if (/^[ -@[-~]*$/.test(name)) return name
  // Lower case first: U+1E9E has no other capital, and its small letter has.
  return name.normalize('NFC').toLowerCase().toUpperCase().toLowerCase().normalize('NFC')
}

/** Order of the bytes of the UTF-8 form, as `LC_ALL=C sort` has it. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0
  // UTF-16 order differs from UTF-8 order only where surrogates take part.
  if (/[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}

/**
 * Every collision among `paths`: a path twice, two spellings of one file or folder that differ by case or Unicode form,
 * a path that is a file here and a folder there.
 */
export function collisions(paths: readonly string[]): string[] {
  const faults: string[] = []
  const spelling = new Map<string, string>()
  const files = new Set<string>()
  for (const path of paths) {
    if (files.has(path)) faults.push(`${path}: appears twice`)
    files.add(path)
  }
  const folders = new Set<string>()
  for (const path of files) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      if (folders.has(folder)) break
      folders.add(folder)
      if (files.has(folder)) faults.push(`${path}: ${folder} is a file`)
    }
  }
  for (const path of [...files, ...folders]) {
    const key = folded(path)
    const other = spelling.get(key)
    if (other !== undefined && other !== path) {
      faults.push(`${path}: differs from ${other} only by letter case or Unicode form`)
    }
    spelling.set(key, path)
  }
  return faults
}

/** Every reason why files of these paths may not stand in one tree; `why` judges each alone. */
export function treeFaults(paths: readonly string[], why: (path: string) => string | undefined = pathFault): string[] {
  const faults = paths.flatMap((path) => {
    const one = why(path)
    return one === undefined ? [] : [`${shown(path)} ${one}`]
  })
  return [...faults, ...collisions(paths)]
}
