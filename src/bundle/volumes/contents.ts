import { fault } from '../codes.ts'
import { collisions } from '../path.ts'
import { integer, listOf, oneOf, recordOf } from '../shape.ts'
import { parseStrict } from '../strict-json.ts'
import { VOLUME_LIMITS } from './layout.ts'
import { carried, plainPath, type CarriedBundle } from './listing.ts'

export const CONTENTS_TYPE = 'application/vnd.sallyport.volume-contents.v1+json'

/** Files that one delta copies from, and bytes of its recipe: what a reader takes into memory. */
export const DELTA_SOURCES = 64
export const RECIPE_LIMIT = 16 << 20

/** How a file is put together: `recipe` bytes of instructions in the content, then `literals` bytes. */
export interface Delta {
  readonly recipe: number
  readonly literals: number
  /** Paths in the bases that the recipe copies from, by their number. */
  readonly from: readonly string[]
}

/** A file of the bundle. Its bytes stand in the content, or the base holds them, or a delta makes them. */
export interface Item {
  readonly path: string
  readonly size: number
  readonly held?: true
  readonly delta?: Delta
}

/** contents.json, in this order of members: the same on every volume of a set. */
export interface SetContents {
  readonly type: typeof CONTENTS_TYPE
  readonly formatVersion: 1
  readonly critical: readonly string[]
  readonly bundle: CarriedBundle
  /** Releases that the site has to hold; none for a whole bundle. */
  readonly bases: readonly CarriedBundle[]
  /** Where the content of each volume begins and ends: volume 1 first. */
  readonly volumes: readonly { readonly begin: number; readonly end: number }[]
  /** In the order of the content. */
  readonly items: readonly Item[]
}

const size = integer(0)
const CONTENTS = recordOf({
  type: oneOf(CONTENTS_TYPE),
  formatVersion: oneOf(1),
  critical: listOf(oneOf(), 0),
  bundle: carried,
  bases: listOf(carried, 16),
  volumes: listOf(recordOf({ begin: size, end: size }), VOLUME_LIMITS.volumes),
  items: listOf(
    recordOf(
      {
        path: plainPath,
        size,
        held: oneOf(true),
        delta: recordOf({ recipe: integer(1, RECIPE_LIMIT), literals: size, from: listOf(plainPath, DELTA_SOURCES, (item: string) => item) }),
      },
      { optional: ['held', 'delta'] },
    ),
    120_000,
    (item: Item) => item.path,
  ),
})

/** Bytes of the item in the content. */
export function streamed({ size: whole, held, delta }: Item): number {
  return held ? 0 : delta ? delta.recipe + delta.literals : whole
}

/** @throws E_JSON_STRICT, E_TOO_LARGE, E_VOLUME_INVALID with every fault */
export function parseContents(bytes: Uint8Array): SetContents {
  const value = parseStrict(bytes, { what: 'contents.json', limit: VOLUME_LIMITS.contents })
  const faults: string[] = []
  CONTENTS(value, '', faults)
  if (faults.length === 0) {
    const { items, volumes, bases } = value as SetContents
    faults.push(...collisions(items.map((item) => item.path)))
    let at = 0
    for (const [index, { begin, end }] of volumes.entries()) {
      if (begin !== at || end < begin) faults.push(`volumes[${index}]: does not follow the one before`)
      at = end
    }
    const whole = items.reduce((sum, item) => sum + streamed(item), 0)
    if (at !== whole) faults.push(`volumes: end at ${at}, the content at ${whole}`)
    if (items.some((item) => item.held && item.delta)) faults.push('items: one is both held and a delta')
    if (bases.length === 0 && items.some((item) => item.held ?? item.delta)) faults.push('bases: items need one')
  }
  if (faults.length > 0) throw fault('E_VOLUME_INVALID', 'contents.json does not say what a set holds', { faults })
  return value as SetContents
}
