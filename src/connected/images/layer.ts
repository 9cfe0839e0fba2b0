import { availableParallelism } from 'node:os'
import { join, posix } from 'node:path'
import { readArchive } from './archive.ts'
import { fault } from './codes.ts'
import { compileGo, inputOf } from './compile.ts'
import { wholeFile } from './content.ts'
import { matcherOf } from './globs.ts'
import type { LayerInputs } from './inputs.ts'
import { madeDirectory, madeFile, madeSymlink, octal, type Node, type Origin, type OwnedEntry } from './node.ts'
import { openPackage } from './package.ts'
import { LayerTree, type Lower } from './tree.ts'
import { addUsers } from './users.ts'

/**
 * Puts a layer together in this order: packages by name, archives, compiled programs, files, program, directories, links, users. Contents
 * are referred to, not held: `scratch` (an empty folder) must outlive the entries.
 */
export async function assembleLayer(inputs: LayerInputs, lower: Lower, scratch: string): Promise<OwnedEntry[]> {
  const tree = new LayerTree(lower)
  await addPackages(tree, inputs, scratch)
  await addArchives(tree, inputs, scratch)
  const origin: Origin = { what: `layer ${inputs.spec.name}` }
  for (const { spec, parts } of inputs.programs) {
    const executable = await compileGo(spec, parts, join(scratch, `program-${posix.basename(spec.to)}`))
    tree.add({ path: spec.to.slice(1), node: madeFile(wholeFile(executable), 0o755) }, { what: `go ${spec.module}`, ...inputOf(spec, parts) })
  }
  for (const { path, content, mode, uid, gid } of inputs.files) {
    tree.add({ path, node: madeFile(content, mode, uid, gid) }, origin)
  }
  for (const { path, mode, uid, gid } of inputs.spec.directories ?? []) {
    tree.setDirectory(path.slice(1), madeDirectory(octal(mode, 0o755), uid, gid), origin)
  }
  for (const { path, target } of inputs.spec.links ?? []) {
    tree.add({ path: path.slice(1), node: madeSymlink(target) }, origin)
  }
  if (inputs.spec.users !== undefined) addUsers(tree, inputs.spec.users, origin)
  return tree.entries()
}

async function addPackages(tree: LayerTree, { packages, spec }: LayerInputs, scratch: string): Promise<void> {
  const skipped = matcherOf(spec.skip ?? [])
  const window = availableParallelism()
  const opening = new Map<number, ReturnType<typeof openPackage>>()
  const open = (index: number): void => {
    const item = packages[index]
    if (item === undefined) return
    const opened = openPackage(item.file, item.name, join(scratch, `package-${index}`))
    // Whoever awaits it sees the failure; without this an earlier failure would leave it unhandled.
    opened.catch(() => undefined)
    opening.set(index, opened)
  }
  try {
    for (let index = 0; index < window; index++) open(index)
    for (const [index, { name, sha256 }] of packages.entries()) {
      const opened = await opening.get(index)
      opening.delete(index)
      open(index + window)
      if (opened === undefined) continue
      const origin = { what: `package ${name}`, input: sha256 }
      for (const entry of opened.files) {
        if (!skipped(entry.path)) tree.add(entry, origin)
      }
      // Where SBOM tools look for packages in an image without a dpkg database (the convention of distroless images).
      tree.add({ path: `var/lib/dpkg/status.d/${name}`, node: madeFile(opened.control) }, origin)
    }
  } finally {
    await Promise.allSettled(opening.values())
  }
}

async function addArchives(tree: LayerTree, { archives }: LayerInputs, scratch: string): Promise<void> {
  for (const [index, { spec, filename, file, sha256 }] of archives.entries()) {
    // What lies beside the recipe is no package of anyone.
    const origin = { what: `${spec.source} ${spec.item}`, ...(spec.source === 'file' ? {} : { input: sha256 }) }
    const entries = await readArchive(file, filename, join(scratch, `archive-${index}`))
    if (entries === undefined) {
      const path = (spec.to.endsWith('/') ? posix.join(spec.to, filename) : spec.to).slice(1)
      tree.add({ path, node: madeFile(wholeFile(file), octal(spec.mode, spec.source === 'go' ? 0o755 : 0o644)) }, origin)
      continue
    }
    const wanted = spec.only === undefined ? () => true : matcherOf(spec.only)
    const taken = new Map<Node, Node>()
    let count = 0
    for (const { path, node } of entries) {
      const inside = path.split('/').slice(spec.strip ?? 0).join('/')
      if (inside === '' || !wanted(inside)) continue
      let own = taken.get(node)
      if (own === undefined) taken.set(node, (own = ownedByRoot(node)))
      tree.add({ path: posix.join(spec.to, inside).slice(1), node: own }, origin)
      count++
    }
    if (count === 0) throw fault('E_IMAGE_ARCHIVE', `nothing was taken from ${origin.what}: check strip and only`)
  }
}

/** Archives of other ecosystems carry whoever packed them as owner: root owns what is in an image, and anyone reads it. */
function ownedByRoot(node: Node): Node {
  if (node.type === 'symlink') return { ...node, uid: 0, gid: 0 }
  const runs = node.type === 'directory' || (node.mode & 0o111) !== 0
  return { ...node, mode: runs ? 0o755 : 0o644, uid: 0, gid: 0 }
}
