import { createHash } from 'node:crypto'
import { createReadStream, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { ContentStore } from '../../bundle/store.ts'
import type { LockedItem } from '../sources/source.ts'
import { wholeFile } from './content.ts'
import type { Lookup } from './lookup.ts'
import { octal, type Content } from './node.ts'
import type { BundledPackage } from './bundled.ts'
import { bundleProgram } from './program.ts'
import type { CompileSpec, Layer, Recipe, UnpackSpec } from './recipe.ts'
import { compileRequest, itemRequest, packageRequest, type Resolve } from './request.ts'

/** Changes whenever the same inputs would give another layer. */
const FORMAT = 2

/** Everything a layer is made of, every byte at hand. */
export interface LayerInputs {
  readonly spec: Layer
  readonly packages: readonly { readonly name: string; readonly file: string; readonly sha256: string }[]
  readonly archives: readonly {
    readonly spec: UnpackSpec
    readonly filename: string
    readonly file: string
    readonly sha256: string
  }[]
  readonly programs: readonly {
    readonly spec: CompileSpec
    /** Where each part of it stands in a tree for the go command (go.dev/ref/mod#goproxy-protocol). */
    readonly parts: readonly { readonly path: string; readonly file: string; readonly sha256: string }[]
  }[]
  readonly files: readonly {
    readonly path: string
    readonly content: Content
    readonly sha256: string
    readonly mode: number
    readonly uid: number
    readonly gid: number
    /** npm packages bundled into it. */
    readonly packages?: readonly BundledPackage[]
  }[]
}

/**
 * Gathers the inputs of layer `index`. `below` names the packages that lower layers have and is added to, so that the
 * layers of a recipe must be gathered from the bottom.
 */
export async function gatherInputs(
  recipe: Recipe,
  index: number,
  resolve: Resolve,
  store: ContentStore,
  below: Set<string>,
): Promise<LayerInputs> {
  const spec = recipe.layers[index] as Layer
  const packages: LockedItem[] = []
  if (spec.apt !== undefined) {
    const { kind, request } = packageRequest(recipe, index)
    packages.push(...(await resolve(kind, request)).filter(({ name }) => !below.has(name)))
    packages.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { name } of packages) below.add(name)
  }
  return {
    spec,
    packages: packages.map(({ name, sha256 }) => ({ name, sha256, file: store.pathOf(sha256) })),
    archives: await archivesOf(spec, recipe.lookup, resolve, store),
    programs: await programsOf(spec, resolve, store),
    files: [...(await filesOf(spec, recipe.lookup)), ...(await programOf(spec, recipe.lookup))],
  }
}

/** Names the layer these inputs make on top of `lower` (digests of the layers below). */
export function keyOf(inputs: LayerInputs, lower: readonly string[]): string {
  const { skip, directories, links, users } = inputs.spec
  return digest({
    format: FORMAT,
    lower,
    packages: inputs.packages.map(({ name, sha256 }) => [name, sha256]),
    archives: inputs.archives.map(({ spec, filename, sha256 }) => [spec, filename, sha256]),
    // Absent, not empty: layers that compile nothing keep the names they had.
    programs: inputs.programs.length === 0 ? undefined : inputs.programs.map(({ spec, parts }) => [spec, parts.map(({ path, sha256 }) => [path, sha256])]),
    files: inputs.files.map(({ path, sha256, mode, uid, gid }) => [path, sha256, mode, uid, gid]),
    skip,
    directories,
    links,
    users,
  })
}

/** Names the layer that the `run` steps make on top of `lower`. */
export function runKeyOf(spec: Layer, lower: readonly string[]): string {
  return digest({ format: FORMAT, lower, run: spec.run, env: spec.env })
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function archivesOf(
  spec: Layer,
  lookup: Lookup,
  resolve: Resolve,
  store: ContentStore,
): Promise<LayerInputs['archives'][number][]> {
  const archives: LayerInputs['archives'][number][] = []
  for (const unpack of spec.unpack ?? []) {
    if (unpack.source === 'file') {
      const file = lookup(join(spec.folder, unpack.item))
      archives.push({ spec: unpack, filename: nameOf(unpack.item), file, sha256: await digestOfFile(file) })
      continue
    }
    const { kind, request } = itemRequest(unpack.source, unpack.item)
    for (const item of await resolve(kind, request)) {
      const { path, sha256 } = item
      archives.push({ spec: unpack, filename: nameOf(path), file: store.pathOf(sha256), sha256 })
    }
  }
  return archives
}

async function programsOf(spec: Layer, resolve: Resolve, store: ContentStore): Promise<LayerInputs['programs'][number][]> {
  const programs: LayerInputs['programs'][number][] = []
  for (const compile of spec.compile ?? []) {
    const { kind, request } = compileRequest(compile)
    const items = await resolve(kind, request)
    programs.push({ spec: compile, parts: items.map(({ path, sha256 }) => ({ path, file: store.pathOf(sha256), sha256 })) })
  }
  return programs
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** `from` may be a folder: everything below it, an overlay's files replacing or joining those beside the recipe. */
async function filesOf({ files = [], folder }: Layer, lookup: Lookup): Promise<LayerInputs['files'][number][]> {
  const found: LayerInputs['files'][number][] = []
  for (const { from, to, mode, uid = 0, gid = 0 } of files) {
    for (const inside of lookup.files(join(folder, from))) {
      const file = lookup(join(folder, from, inside))
      const runs = (lstatSync(file).mode & 0o100) !== 0
      const path = (inside === '' ? to : join(to, inside)).slice(1)
      const sha256 = await digestOfFile(file)
      found.push({ path, content: wholeFile(file), sha256, mode: octal(mode, runs ? 0o755 : 0o644), uid, gid })
    }
  }
  return found
}

async function programOf({ program, folder }: Layer, lookup: Lookup): Promise<LayerInputs['files'][number][]> {
  if (program === undefined) return []
  const { content, packages } = await bundleProgram(join(folder, program.entry), program, lookup)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return [{ path: program.to.slice(1), content, sha256, mode: 0o644, uid: 0, gid: 0, packages }]
}
