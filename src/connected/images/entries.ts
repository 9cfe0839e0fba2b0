import { shown } from '../../bundle/printable.ts'
import { fault } from './codes.ts'
import type { Entry, Node } from './node.ts'
import { isOpaque, isWhiteout, placeFault, whiteoutTarget } from './place.ts'

/**
 * What is taken of names that remove something: in an `archive` none; in a `layer`, made here, of single files and
 * folders; in a `foreign layer` also of all that a folder holds.
 */
export type ArchiveKind = 'archive' | 'layer' | 'foreign layer'

/** More entries than any archive of a platform has; each takes memory. */
const MAX_ENTRIES = 1_000_000

/** The entries of one archive, as they are read: each path once, nothing below what is no folder, nothing outside. */
export class Entries {
  readonly list: Entry[] = []
  readonly #file: string
  readonly #kind: ArchiveKind
  readonly #nodes = new Map<string, Node>()
  /** Folders that have no entry of their own. */
  readonly #implied = new Set<string>()

  constructor(file: string, kind: ArchiveKind) {
    this.#file = file
    this.#kind = kind
  }

  /** `name` as the archive has it. @throws E_IMAGE_ARCHIVE */
  add(name: string, node: Node): void {
    const path = this.place(name)
    if (path === '') {
      if (node.type !== 'directory') throw this.refused(`its root is a ${node.type}`)
      return
    }
    if (node.type === 'symlink') this.#checkTarget(path, node.target)
    const before = this.#nodes.get(path)
    if (before && (before.type !== 'directory' || node.type !== 'directory')) throw this.refused(`${shown(path)} stands in it twice`)
    if (node.type !== 'directory' && this.#implied.has(path)) throw this.refused(`${shown(path)} is a folder and a ${node.type}`)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      const above = this.#nodes.get(folder)
      if (above && above.type !== 'directory') throw this.refused(`${shown(path)} lies below a ${above.type}`)
      if (above || this.#implied.has(folder)) break
      this.#implied.add(folder)
    }
    this.#nodes.set(path, node)
    this.list.push({ path, node })
    if (this.list.length > MAX_ENTRIES) throw this.refused(`it holds more than ${MAX_ENTRIES} entries`)
  }

  /** The file that a hard link names, which has to stand before it. */
  linked(name: string): Node {
    const node = this.#nodes.get(this.place(name))
    if (node?.type !== 'file') throw this.refused(`a hard link to ${shown(name)}, which is no file of the archive`)
    return node
  }

  /** A name as a path relative to the root: without a leading `./`, `.` steps and a slash at the end. */
  place(name: string): string {
    if (name.startsWith('/')) throw this.refused(`the path ${shown(name)} is absolute`)
    const path = name.split('/').filter((step) => step !== '' && step !== '.').join('/')
    const why = path === '' ? (name === '' ? 'is empty' : undefined) : placeFault(path)
    if (why !== undefined) throw this.refused(`the path ${shown(name)} ${why}`)
    if (isWhiteout(path) && !this.#mayRemove(path))
      throw this.refused(`the path ${shown(name)} would remove something from an image`)
    return path
  }

  #mayRemove(path: string): boolean {
    if (this.#kind === 'foreign layer' && isOpaque(path)) return true
    return this.#kind !== 'archive' && whiteoutTarget(path) !== undefined
  }

  refused(what: string): Error {
    return fault('E_IMAGE_ARCHIVE', `${this.#file}: ${what}`)
  }

  /** Where a link leads is for the image to say: its own root holds it. */
  #checkTarget(path: string, target: string): void {
    if (target === '' || /\p{Cc}|\ufffd/u.test(target) || Buffer.byteLength(target) > 4095)
      throw this.refused(`the link ${shown(path)} leads nowhere: ${shown(target)}`)
  }
}
