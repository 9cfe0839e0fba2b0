import { fault } from './codes.ts'
import { contentBytes } from './content.ts'
import { madeFile, type Origin } from './node.ts'
import type { UserSpec } from './recipe.ts'
import type { LayerTree } from './tree.ts'

/** Debian's own accounts, from package base-passwd, whose maintainer script would have copied them. */
const MASTERS = { passwd: 'usr/share/base-passwd/passwd.master', group: 'usr/share/base-passwd/group.master' } as const
/** gid of `shadow` in Debian. */
const SHADOW_GROUP = 42

/**
 * Writes etc/passwd, etc/group and etc/shadow (no password is ever valid): what the layers below have, else Debian's
 * own accounts, plus the users of this layer with a group of the same name.
 */
export function addUsers(tree: LayerTree, users: readonly UserSpec[], origin: Origin): void {
  const passwd = new Table(linesOf(tree, 'etc/passwd') ?? linesOf(tree, MASTERS.passwd) ?? [], 'user', origin.what)
  const group = new Table(linesOf(tree, 'etc/group') ?? linesOf(tree, MASTERS.group) ?? [], 'group', origin.what)
  for (const { name, uid, gid, home = '/nonexistent', shell = '/usr/sbin/nologin', groups = [] } of users) {
    passwd.add(name, uid, `${name}:x:${uid}:${gid}:${name}:${home}:${shell}`)
    if (!group.hasId(gid)) group.add(name, gid, `${name}:x:${gid}:`)
    for (const other of groups) group.join(other, name)
  }
  const shadow = passwd.names().map((name) => `${name}:*:0:0:99999:7:::`)
  tree.add({ path: 'etc/passwd', node: madeFile(text(passwd.lines())) }, origin)
  tree.add({ path: 'etc/group', node: madeFile(text(group.lines())) }, origin)
  tree.add({ path: 'etc/shadow', node: madeFile(text(shadow), 0o640, 0, SHADOW_GROUP) }, origin)
}

function linesOf(tree: LayerTree, path: string): string[] | undefined {
  const node = tree.get(path)
  if (node?.type !== 'file') return undefined
  return contentBytes(node.content)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}

function text(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''))
}

/** passwd(5) or group(5): the name is the first field, the number the third. */
class Table {
  readonly #lines: string[]
  readonly #kind: string
  readonly #origin: string

  constructor(lines: readonly string[], kind: string, origin: string) {
    this.#lines = lines.map((line) => line.replace(/^([^:]*):\*:/, '$1:x:'))
    this.#kind = kind
    this.#origin = origin
  }

  lines(): readonly string[] {
    return this.#lines
  }

  names(): string[] {
    return this.#lines.map((line) => line.split(':')[0] ?? '')
  }

  hasId(id: number): boolean {
    return this.#lines.some((line) => line.split(':')[2] === String(id))
  }

  add(name: string, id: number, line: string): void {
    const taken = this.#lines.find((present) => {
      const fields = present.split(':')
      return fields[0] === name || fields[2] === String(id)
    })
    if (taken === line) return
    if (taken !== undefined) {
      throw fault('E_IMAGE_USER', `${this.#origin}: ${this.#kind} ${name} with number ${id} clashes with another`, {
        expected: line,
        found: taken,
      })
    }
    this.#lines.push(line)
  }

  join(name: string, member: string): void {
    const index = this.names().indexOf(name)
    const line = this.#lines[index]
    if (line === undefined) throw fault('E_IMAGE_USER', `${this.#origin}: there is no group ${name} for ${member}`)
    const members = (line.split(':')[3] ?? '').split(',').filter((other) => other !== '' && other !== member)
    this.#lines[index] = `${line.split(':').slice(0, 3).join(':')}:${[...members, member].join(',')}`
  }
}
