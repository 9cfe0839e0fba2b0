import { shown } from '../../bundle/printable.ts'
import { isWhiteout, placeFault } from './place.ts'
import type { LayerSpec } from './recipe.ts'

type At = (path: readonly (string | number)[]) => string

/** Why paths that a recipe gives may not stand in an image; what the schema cannot say. */
export function placeFaults(layers: readonly LayerSpec[], at: At): string[] {
  const faults: string[] = []
  const check = (place: string, where: readonly (string | number)[]): void => {
    const path = place.slice(1).replace(/\/$/, '')
    const why = path === '' ? undefined : (placeFault(path) ?? (isWhiteout(path) ? 'would remove something from an image' : undefined))
    if (why !== undefined) faults.push(`${at(where)}: ${shown(place)} ${why}`)
  }
  layers.forEach((layer, l) => {
    for (const member of ['files', 'unpack', 'compile'] as const)
      layer[member]?.forEach(({ to }, index) => check(to, ['layers', l, member, index, 'to']))
    if (layer.program !== undefined) check(layer.program.to, ['layers', l, 'program', 'to'])
    layer.directories?.forEach(({ path }, index) => check(path, ['layers', l, 'directories', index, 'path']))
    layer.links?.forEach(({ path, target }, index) => {
      check(path, ['layers', l, 'links', index, 'path'])
      if (/\p{Cc}/u.test(target) || Buffer.byteLength(target) > 4095)
        faults.push(`${at(['layers', l, 'links', index, 'target'])}: ${shown(target)} is no place a link can lead to`)
    })
  })
  return faults
}
