import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import type { Sums } from '../sums.ts'
import type { Base } from './base.ts'
import { ChunkIndex } from './chunk-index.ts'
import { chunksOf } from './chunks.ts'
import { DELTA_SOURCES, RECIPE_LIMIT } from './contents.ts'
import type { Part, Source as PartSource } from './parts.ts'
import { RecipeWriter, instructionsOf } from './recipe.ts'

/** Smaller files are sent as they are. */
const LEAST = 64 << 10
/** A delta has to save this part of the file. */
const WORTHWHILE = 0.1
/** Entries of the index: about 60 MB of memory at the most. */
const MOST_CHUNKS = 1_000_000

interface Source {
  /** In the bundle of the base. */
  readonly path: string
  readonly file: string
}

export interface DeltaRequest {
  readonly bundle: string
  /** Files that no base holds, with their sizes. */
  readonly fresh: ReadonlyMap<string, number>
  /** Of the new bundle. */
  readonly sums: Sums
  readonly bases: readonly Base[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Deltas of large new files against what is no longer in the bundle but stands in a base: an image layer built again, the
 * installer. A base of which only the head is known gives none.
 * @throws E_FILE_ALTERED when a file of the bundle is not what was signed
 */
export async function deltasFor({ bundle, fresh, sums, bases, signal }: DeltaRequest): Promise<ReadonlyMap<string, Part>> {
  const deltas = new Map<string, Part>()
  const wanted = [...fresh].filter(([, size]) => size >= LEAST)
  if (wanted.length === 0) return deltas
  const { sources, bytes } = await sourcesIn(bases, sums)
  if (sources.length === 0) return deltas
  let average = 4096
  while (bytes / average > MOST_CHUNKS / 2) average *= 2
  const index = new ChunkIndex(MOST_CHUNKS)
  for (const [number, { file }] of sources.entries()) {
    for await (const chunk of chunksOf(file, average)) index.add(chunk.bytes, number, chunk.offset)
    signal?.throwIfAborted()
  }
  for (const [path, size] of wanted) {
    const delta = await deltaOf({ path, size, file: join(bundle, path), expected: sums.get(path) ?? '' }, index, sources, average)
    signal?.throwIfAborted()
    if (delta) deltas.set(path, delta)
  }
  return deltas
}

/** Files of the bases whose content the new bundle has no more; a name counts for less than that. */
async function sourcesIn(bases: readonly Base[], sums: Sums): Promise<{ sources: Source[]; bytes: number }> {
  const kept = new Set(sums.values())
  const named = new Set<string>()
  const sources: Source[] = []
  let bytes = 0
  for (const base of bases) {
    for (const [path, digest] of base.sums) {
      // A path means the first base that has it.
      if (kept.has(digest) || named.has(path)) continue
      const file = join(base.directory, path)
      const state = await stat(file).catch(() => undefined)
      if (!state?.isFile() || state.size < LEAST) continue
      kept.add(digest)
      sources.push({ path, file })
      bytes += state.size
    }
    for (const path of base.sums.keys()) named.add(path)
  }
  return { sources, bytes }
}

interface Target {
  readonly path: string
  readonly size: number
  readonly file: string
  readonly expected: string
}

async function deltaOf({ path, size, file, expected }: Target, index: ChunkIndex, sources: readonly Source[], average: number): Promise<Part | undefined> {
  const writer = new RecipeWriter()
  const hash = createHash('sha512')
  /** Number of a source in the index → its number in the recipe. */
  const from = new Map<number, number>()
  for await (const { bytes } of chunksOf(file, average)) {
    hash.update(bytes)
    const found = index.find(bytes)
    const number = found && (from.get(found.source) ?? (from.size < DELTA_SOURCES ? from.size : undefined))
    if (found === undefined || number === undefined) writer.literal(bytes.byteLength)
    else {
      from.set(found.source, number)
      writer.copy(number, found.offset, bytes.byteLength)
    }
  }
  const digest = hash.digest('hex')
  if (digest !== expected) throw fault('E_FILE_ALTERED', `the bytes of ${path} are not the ones that were signed`, { expected: `sha512 ${expected}`, found: `sha512 ${digest}` })
  const recipe = writer.end()
  if (recipe.byteLength > RECIPE_LIMIT || writer.literals + recipe.byteLength > size * (1 - WORTHWHILE)) return undefined
  const delta = { recipe: recipe.byteLength, literals: writer.literals, from: [...from.keys()].map((source) => (sources[source] as Source).path) }
  return { item: { path, size, delta }, sha512: undefined, open: () => deltaSource(recipe, file) }
}

/** The recipe, then the literals it asks for. */
async function deltaSource(recipe: Buffer, path: string): Promise<PartSource> {
  const file = await open(path, 'r')
  const instructions = instructionsOf(recipe)
  let told = 0
  /** Where the next literal bytes stand, and where the instructions are. */
  let [from, to, position] = [0, 0, 0]
  return {
    async read(into) {
      if (told < recipe.byteLength) {
        const count = recipe.copy(into, 0, told)
        told += count
        return count
      }
      while (from === to) {
        const { value: next } = instructions.next()
        if (!next) return 0
        if (!next.copy) [from, to] = [position, position + next.length]
        position += next.length
      }
      const { bytesRead } = await file.read(into, 0, Math.min(into.byteLength, to - from), from)
      from += bytesRead
      return bytesRead
    },
    close: () => file.close(),
  }
}
