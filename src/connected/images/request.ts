import type { LockedItem, Request, SourceKind } from '../sources/source.ts'
import type { CompileSpec, Recipe } from './recipe.ts'

/** What a recipe asks of one source. */
export interface ImageRequest {
  readonly kind: SourceKind
  readonly request: Request
}

/** Answers a request with items whose bytes are in the content store; for apt the whole closure, in any order. */
export type Resolve = (kind: SourceKind, request: Request) => Promise<readonly LockedItem[]>

/**
 * The one apt request of a layer; `index` counts layers from the bottom. It names the packages of every layer up to
 * this one, so that apt decides alternatives for the image as a whole; what lower layers have is subtracted later.
 */
export function packageRequest(recipe: Recipe, index: number): ImageRequest {
  const packages = new Set<string>()
  const without = new Set<string>()
  for (const layer of recipe.layers.slice(0, index + 1)) {
    for (const name of layer.without ?? []) without.add(name)
    for (const name of layer.apt ?? []) {
      packages.add(name)
      without.delete(name)
    }
  }
  const left = without.size === 0 ? {} : { without: [...without].toSorted() }
  return { kind: 'apt', request: { items: [...packages].toSorted(), purpose: 'image', ...left } }
}

export function itemRequest(kind: SourceKind, item: string): ImageRequest {
  return { kind, request: { items: [item], purpose: 'image' } }
}

export function compileRequest({ toolchain, module }: CompileSpec): ImageRequest {
  const items = [`golang.org/toolchain@v0.0.1-${toolchain}.linux-amd64`, module]
  return { kind: 'go', request: { items, purpose: 'program' } }
}

/** Everything a recipe asks of the sources, without duplicates, lowest layer first. Nothing is fetched. */
export function requestsOf(recipe: Recipe): ImageRequest[] {
  const requests = new Map<string, ImageRequest>()
  const add = (request: ImageRequest): void => void requests.set(JSON.stringify(request), request)
  recipe.layers.forEach((layer, index) => {
    if (layer.apt !== undefined) add(packageRequest(recipe, index))
    for (const unpack of layer.unpack ?? []) {
      if (unpack.source !== 'file') add(itemRequest(unpack.source, unpack.item))
    }
    for (const compile of layer.compile ?? []) add(compileRequest(compile))
  })
  return [...requests.values()]
}
