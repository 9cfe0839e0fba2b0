import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { refOf, type BlobRef } from '../../bundle/digest.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import type { ContentStore } from '../../bundle/store.ts'
import { fault } from './codes.ts'
import { matcherOf } from './globs.ts'
import { gatherInputs, keyOf, runKeyOf, type LayerInputs } from './inputs.ts'
import type { BundledPackage } from './bundled.ts'
import { assembleLayer } from './layer.ts'
import { missingLibraries } from './libraries.ts'
import { lowerOf } from './lower.ts'
import { configOf, manifestOf } from './manifest.ts'
import type { OwnedEntry } from './node.ts'
import { ownersOf } from './owners.ts'
import type { Recipe } from './recipe.ts'
import type { Resolve } from './request.ts'
import { recall, remember, remembered } from './remembered.ts'
import { runSteps } from './run.ts'
import { writeTar } from './tar-write.ts'

/** A layer that running the same commands again would not give: the lock says which bytes are meant. */
export interface PinnedLayer {
  /** Digest of the layers below and of the commands. */
  readonly inputs: string
  readonly layer: BlobRef
}

/** By `<image>/<layer>`. */
export type PinnedLayers = Readonly<Record<string, PinnedLayer>>

export interface ImageBuild {
  readonly recipe: Recipe
  readonly resolve: Resolve
  readonly store: ContentStore
  /** An existing folder for temporary files: about twice the size of the largest layer. */
  readonly scratch: string
  /** From the lock; what does not fit the recipe any more is made anew. */
  readonly outputs: PinnedLayers
  readonly signal?: AbortSignal
  /** Counts layers. */
  readonly progress?: OnProgress
}

export interface BuiltImage {
  readonly name: string
  readonly manifest: BlobRef
  /** Every blob of the image, manifest and configuration included, each once. */
  readonly blobs: readonly BlobRef[]
  /** What the lock has to keep for this image. */
  readonly outputs: PinnedLayers
  /** From the bottom. */
  readonly layers: readonly MadeLayer[]
  /** Programs bundled for it, and the npm packages in each. */
  readonly programs: readonly { readonly path: string; readonly packages: readonly BundledPackage[] }[]
}

export interface MadeLayer {
  readonly name: string
  readonly blob: BlobRef
  /** Which input each of its files came from (`owners.ts`); absent for what commands changed. */
  readonly owners?: BlobRef
}

/**
 * Makes an OCI image from a recipe: one plain tar for each layer, shared by every image with the same inputs. Same
 * recipe, items and outputs, same bytes. Layers made before are not made again (`remembered.ts`).
 */
export async function buildImage(build: ImageBuild): Promise<BuiltImage> {
  const { recipe, resolve, store, signal } = build
  const made: MadeLayer[] = []
  const outputs: Record<string, PinnedLayer> = {}
  const packages = new Set<string>()
  const programs: BuiltImage['programs'][number][] = []
  for (const [index, spec] of recipe.layers.entries()) {
    signal?.throwIfAborted()
    build.progress?.({ done: index, total: recipe.layers.length, unit: 'items', note: `${recipe.image}: ${spec.name}` })
    const inputs = await gatherInputs(recipe, index, resolve, store, packages)
    for (const { path, packages: bundled } of inputs.files) if (bundled !== undefined) programs.push({ path, packages: bundled })
    const layer = await assembled(build, inputs, made.map(({ blob }) => blob.sha256))
    if (layer !== undefined) made.push({ name: spec.name, ...layer })
    if (spec.run === undefined) continue
    const below = made.map((layer) => layer.blob.sha256)
    const name = `${recipe.image}/${spec.name}`
    const key = runKeyOf(spec, below)
    const ran = await pinned(build, name, key, () =>
      inScratch(build, async (scratch) => stored(store, await runSteps(spec, below.map((sha256) => store.pathOf(sha256)), scratch))),
    )
    if (ran === undefined) continue
    outputs[name] = { inputs: key, layer: ran }
    made.push({ name: `${spec.name} (run)`, blob: ran })
  }
  const config = await store.put(configOf(recipe.config, made))
  const statement = manifestOf(config, made)
  // A manifest in the store is of an image that was found complete.
  if (!(await store.has(refOf(statement).sha256))) checkLibraries(recipe, made.map(({ blob }) => store.pathOf(blob.sha256)))
  const manifest = await store.put(statement)
  const blobs = new Map([manifest, config, ...made.map(({ blob }) => blob)].map((blob) => [blob.sha256, blob]))
  return { name: recipe.image, manifest, blobs: [...blobs.values()], outputs, layers: made, programs }
}

function checkLibraries(recipe: Recipe, layers: readonly string[]): void {
  const exempt = matcherOf(recipe.layers.flatMap(({ incomplete }) => incomplete ?? []))
  const missing = missingLibraries(lowerOf(layers), exempt)
  if (missing.length === 0) return
  throw fault('E_IMAGE_LIBRARY', `programs of the image ${recipe.image} lack ${missing.length} shared libraries`, {
    faults: missing.map(({ library, neededBy }) => {
      const others = neededBy.length > 3 ? ` and ${neededBy.length - 3} more` : ''
      return `${library}, needed by ${neededBy.slice(0, 3).map((path) => `/${path}`).join(', ')}${others}`
    }),
  })
}

/** The layer the lock names, if it was made of the same inputs; its loss is an error, since no other bytes will do. */
async function pinned(
  { outputs, store }: ImageBuild,
  name: string,
  key: string,
  make: () => Promise<BlobRef | undefined>,
): Promise<BlobRef | undefined> {
  const pin = outputs[name]
  if (pin?.inputs !== key) return remembered(store, key, make)
  if (await store.has(pin.layer.sha256)) return pin.layer
  throw fault('E_IMAGE_PINNED', `the content store does not hold ${name}, which the lock pins`, {
    expected: `sha256:${pin.layer.sha256}`,
    found: 'nothing, or other bytes',
  })
}

/** The layer of these inputs on top of `lower`, and who owns its files: both from an earlier build, or both made now. */
async function assembled(build: ImageBuild, inputs: LayerInputs, lower: readonly string[]): Promise<Omit<MadeLayer, 'name'> | undefined> {
  const { store } = build
  const key = keyOf(inputs, lower)
  const [known, knownOwners] = [await recall(store, key), await recall(store, `${key}-owners`)]
  if (known !== undefined && knownOwners !== undefined) return { blob: known, owners: knownOwners }
  return inScratch(build, async (scratch) => {
    const entries = await assembleLayer(inputs, lowerOf(lower.map((sha256) => store.pathOf(sha256))), scratch)
    const blob = await stored(store, entries)
    if (blob === undefined) return undefined
    const owners = await store.put(ownersOf(entries))
    await remember(store, `${key}-owners`, owners)
    await remember(store, key, blob)
    return { blob, owners }
  })
}

async function stored(store: ContentStore, entries: readonly OwnedEntry[]): Promise<BlobRef | undefined> {
  return entries.length === 0 ? undefined : store.put(Readable.from(writeTar(entries)))
}

async function inScratch<T>({ scratch }: ImageBuild, make: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(scratch, 'layer-'))
  try {
    return await make(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
