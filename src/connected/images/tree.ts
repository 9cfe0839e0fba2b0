import { posix } from 'node:path'
import { fault } from './codes.ts'
import { madeDirectory, madeSymlink, type Directory, type Entry, type Node, type Origin, type OwnedEntry } from './node.ts'

/** Top-level folders that Debian 12 and later keep under usr/ (usr-merge): packages may still name the old place. */
const MERGED = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'])
const MAX_LINKS = 40

/** What lies below a layer: every path of the image so far. */
export type Lower = ReadonlyMap<string, Node>

/** A layer in the making. */
export class LayerTree {
  readonly #lower: Lower
  readonly #own = new Map<string, Node>()
  readonly #origins = new Map<string, Origin>()

  constructor(lower: Lower) {
    this.#lower = lower
  }

  /** The node an absolute or relative path leads to, in this layer or below; symbolic links in its folders are followed. */
  get(path: string): Node | undefined {
    return this.#at(this.#place(posix.normalize(path).replace(/^\/+/, '')))
  }

  /**
   * Adds one entry as dpkg would: a directory that exists keeps its owner and mode, symbolic links on the way are
   * followed, a later file replaces an earlier one, a link an empty directory. Throws E_IMAGE_CONFLICT where a file and a directory meet.
   */
  add({ path, node }: Entry, origin: Origin): void {
    const place = node.type === 'directory' ? this.#folder(path) : this.#place(path)
    let present = this.#at(place)
    if (present?.type === 'directory' && node.type === 'symlink' && !this.#holdsAnything(place)) present = undefined
    if (present !== undefined && (present.type === 'directory') !== (node.type === 'directory')) {
      throw fault('E_IMAGE_CONFLICT', `/${place} is a ${present.type}, and ${origin.what} brings a ${node.type} there`, {
        expected: present.type,
        found: node.type,
      })
    }
    if (present?.type === 'directory') return
    this.#own.set(place, node)
    this.#origins.set(place, origin)
  }

  /** Sets owner and mode of a directory, whether or not it exists. */
  setDirectory(path: string, node: Directory, origin: Origin): void {
    const place = this.#folder(path)
    const present = this.#at(place)
    if (present !== undefined && present.type !== 'directory') {
      throw fault('E_IMAGE_CONFLICT', `/${place} is a ${present.type}, and ${origin.what} makes it a directory`)
    }
    this.#own.set(place, node)
  }


  /** All entries, missing parents added, sorted bytewise: the order of the tar. */
  entries(): OwnedEntry[] {
    const paths = Array.from(this.#own.keys())
    for (const path of paths) {
      for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent)) {
        if (this.#at(parent) !== undefined) continue
        this.#own.set(parent, madeDirectory())
      }
    }
    return [...this.#own]
      .map(([path, node]) => {
        const origin = this.#origins.get(path)
        return origin === undefined ? { path, node } : { path, node, origin }
      })
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  }

  #at(path: string): Node | undefined {
    return this.#own.get(path) ?? this.#lower.get(path)
  }

  /** Where a path really is: links in its folders followed, the last step kept as it is. */
  #place(path: string, links = 0): string {
    const steps = path.split('/')
    for (let depth = 1; depth < steps.length; depth++) {
      const folder = steps.slice(0, depth).join('/')
      if (this.#at(folder) === undefined && MERGED.has(folder)) this.#merge(folder)
      const node = this.#at(folder)
      if (node?.type !== 'symlink') continue
      if (links === MAX_LINKS) throw fault('E_IMAGE_CONFLICT', `/${path} leads through too many symbolic links`)
      const target = posix.join('/', posix.resolve('/', posix.dirname(folder), node.target), ...steps.slice(depth))
      return this.#place(target.slice(1), links + 1)
    }
    return path
  }

  /** Where a directory really is, were its last step a link. */
  #folder(path: string): string {
    return posix.dirname(this.#place(`${path}/_`))
  }

  #holdsAnything(folder: string): boolean {
    const inside = (path: string): boolean => path.startsWith(`${folder}/`)
    return [...this.#own.keys(), ...this.#lower.keys()].some(inside)
  }

  #merge(folder: string): void {
    this.#own.set(folder, madeSymlink(`usr/${folder}`))
    if (this.#at(`usr/${folder}`) === undefined) this.#own.set(`usr/${folder}`, madeDirectory())
  }
}
