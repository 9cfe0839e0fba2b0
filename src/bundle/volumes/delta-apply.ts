import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Delta } from './contents.ts'
import { instructionsOf } from './recipe.ts'

const CHUNK = 1 << 20

/**
 * Puts a file together from a complete delta and files of the base, one for each of `delta.from`. Its bytes are for the
 * caller to check; an instruction that goes beyond a source or the size throws ERANGE.
 */
export async function applyDelta(part: string, delta: Delta, sources: readonly string[], target: string, size: number): Promise<void> {
  const opened: FileHandle[] = []
  try {
    const literals = await open(part, 'r')
    opened.push(literals)
    const out = await open(target, 'wx', 0o644)
    opened.push(out)
    const from: FileHandle[] = []
    for (const path of sources) {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      opened.push(file)
      from.push(file)
    }
    const recipe = Buffer.alloc(delta.recipe)
    await literals.read(recipe, 0, delta.recipe, 0)
    const buffer = Buffer.allocUnsafe(CHUNK)
    let written = 0
    let literal = delta.recipe
    for (const instruction of instructionsOf(recipe)) {
      const source = instruction.copy ? from[instruction.source] : literals
      if (!source || written + instruction.length > size) throw beyond('an instruction goes beyond what there is')
      let position = instruction.copy ? instruction.offset : literal
      for (let rest = instruction.length; rest > 0;) {
        const { bytesRead } = await source.read(buffer, 0, Math.min(rest, CHUNK), position)
        if (bytesRead === 0) throw beyond('a file of the release before is shorter than it was')
        await out.writeFile(buffer.subarray(0, bytesRead))
        rest -= bytesRead
        position += bytesRead
      }
      written += instruction.length
      if (!instruction.copy) literal += instruction.length
    }
    await out.sync()
  } finally {
    for (const file of opened) await file.close()
  }
}

function beyond(message: string): Error {
  return Object.assign(new RangeError(message), { code: 'ERANGE' })
}
