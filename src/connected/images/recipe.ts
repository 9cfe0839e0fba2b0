import { dirname, join } from 'node:path'
import { fault } from './codes.ts'
import { readDocument } from './document.ts'
import { placeFaults } from './recipe-places.ts'
import { RECIPE_SCHEMA } from './recipe-schema.ts'
import type { Lookup } from './lookup.ts'

/** An archive or file of another source, placed under `to`. */
export interface UnpackSpec {
  /** `file`: `item` is a path beside the recipe. */
  readonly source: 'maven' | 'npm' | 'pypi' | 'go' | 'file'
  readonly item: string
  readonly to: string
  /** Leading path components dropped from every entry. */
  readonly strip?: number
  /** Globs (after `strip`) of what is taken; everything when absent. */
  readonly only?: readonly string[]
  /** File mode for an item that is no archive, in octal. */
  readonly mode?: string
}

export interface FileSpec {
  readonly from: string
  readonly to: string
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
}

/** A program in TypeScript or JavaScript, bundled by esbuild into one file (`.mjs` ESM, `.cjs` CommonJS). */
export interface ProgramSpec {
  readonly entry: string
  readonly to: string
  readonly external?: readonly string[]
  /** Identifiers replaced by JSON values, as esbuild's `define`. */
  readonly define?: Readonly<Record<string, string>>
}

/**
 * A Go program: the package at the root of a module, compiled without C, without network and without traces of where.
 * The same lock gives the same bytes on every machine.
 */
export interface CompileSpec {
  /** `path@version`. */
  readonly module: string
  /** `go1.26.11`: fetched as a module of its own, so that the machine's Go does not matter. */
  readonly toolchain: string
  readonly to: string
  /** String variables of the program that are given another value (`-ldflags -X`). */
  readonly set?: Readonly<Record<string, string>>
}

export interface DirectorySpec {
  readonly path: string
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
}

/** A symbolic link: what `update-alternatives` or a maintainer script would have made. */
export interface LinkSpec {
  readonly path: string
  readonly target: string
}

export interface UserSpec {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home?: string
  readonly shell?: string
  /** Further groups that already exist. */
  readonly groups?: readonly string[]
}

export interface LayerSpec {
  readonly name: string
  readonly apt?: readonly string[]
  /** Packages dropped from the closure, with what only they need; also for the layers above unless they name them. */
  readonly without?: readonly string[]
  /** Globs of package files that are not extracted; a later `!glob` keeps what an earlier one skipped. */
  readonly skip?: readonly string[]
  /** Globs of files that may lack shared libraries: plug-ins that are never loaded. */
  readonly incomplete?: readonly string[]
  readonly unpack?: readonly UnpackSpec[]
  readonly compile?: readonly CompileSpec[]
  readonly files?: readonly FileSpec[]
  readonly program?: ProgramSpec
  readonly directories?: readonly DirectorySpec[]
  readonly links?: readonly LinkSpec[]
  readonly users?: readonly UserSpec[]
  /** Commands run in the layers so far, without network; what they change is a layer of its own, pinned in the lock. */
  readonly run?: readonly (readonly string[])[]
  readonly env?: Readonly<Record<string, string>>
}

export interface ImageConfig {
  readonly user?: string
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly workdir?: string
  readonly ports?: readonly number[]
  readonly labels?: Readonly<Record<string, string>>
}

/** As written in YAML. */
export interface RecipeDocument {
  readonly image: string
  readonly extends?: string
  readonly layers: readonly LayerSpec[]
  readonly config?: ImageConfig
}

/** A layer and the folder its relative paths start from. */
export interface Layer extends LayerSpec {
  readonly folder: string
}

/** A recipe with everything it extends: layers from the bottom, configurations merged. */
export interface Recipe {
  readonly image: string
  readonly layers: readonly Layer[]
  readonly config: ImageConfig
  readonly lookup: Lookup
  /** The YAML files that were read, overlays followed. */
  readonly documents: readonly string[]
}

/**
 * Reads a recipe and what it extends, and checks that every file it names exists.
 * Throws E_RECIPE_INVALID naming every fault of every file as `file:line:column: what`.
 */
export async function loadRecipe(path: string, lookup: Lookup): Promise<Recipe> {
  const faults: string[] = []
  const chain: { document: RecipeDocument; folder: string }[] = []
  const seen = new Set<string>()
  const documents: string[] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const logical: string = next
    seen.add(logical)
    documents.push(lookup(logical))
    const read = await readDocument<RecipeDocument>(lookup(logical), RECIPE_SCHEMA)
    faults.push(...read.faults)
    if (read.value === undefined) break
    const folder = dirname(logical)
    faults.push(...missingFiles(read.value, folder, lookup, read.at), ...placeFaults(read.value.layers, read.at))
    chain.unshift({ document: read.value, folder })
    next = read.value.extends === undefined ? undefined : join(folder, read.value.extends)
    if (next !== undefined && seen.has(next)) {
      faults.push(`${read.at(['extends'])}: the recipe extends itself`)
      break
    }
  }
  faults.push(...repeatedNames(chain.flatMap((link) => link.document.layers)))
  if (faults.length > 0) {
    throw fault('E_RECIPE_INVALID', `the image recipe ${path} has ${faults.length} fault(s)`, { faults })
  }
  return {
    image: chain.at(-1)?.document.image ?? '',
    layers: chain.flatMap(({ document, folder }) => document.layers.map((layer) => ({ ...layer, folder }))),
    config: chain.reduce<ImageConfig>((below, { document }) => mergeConfig(below, document.config ?? {}), {}),
    lookup,
    documents,
  }
}

function mergeConfig(below: ImageConfig, own: ImageConfig): ImageConfig {
  const merged = { ...below, ...own }
  const env = { ...below.env, ...own.env }
  const labels = { ...below.labels, ...own.labels }
  return {
    ...merged,
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
  }
}

function missingFiles(
  document: RecipeDocument,
  folder: string,
  lookup: Lookup,
  at: (path: readonly (string | number)[]) => string,
): string[] {
  const faults: string[] = []
  const need = (file: string, path: readonly (string | number)[]): void => {
    if (!lookup.exists(join(folder, file))) faults.push(`${at(path)}: no such file: ${file}`)
    else faults.push(...lookup.unfit(join(folder, file)).map((why) => `${at(path)}: ${why}`))
  }
  if (document.extends !== undefined) need(document.extends, ['extends'])
  document.layers.forEach((layer, l) => {
    layer.files?.forEach((file, f) => need(file.from, ['layers', l, 'files', f, 'from']))
    layer.unpack?.forEach((unpack, u) => {
      if (unpack.source === 'file') need(unpack.item, ['layers', l, 'unpack', u, 'item'])
    })
    if (layer.program !== undefined) need(layer.program.entry, ['layers', l, 'program', 'entry'])
  })
  return faults
}

function repeatedNames(layers: readonly LayerSpec[]): string[] {
  const names = layers.map((layer) => layer.name)
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
    (name) => `two layers are named ${name}, counting those of the extended recipe`,
  )
}
