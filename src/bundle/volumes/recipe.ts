import { fault } from '../codes.ts'

/** `C 0 512 4096`: 4096 bytes from byte 512 of source 0. `L 700`: the next 700 literal bytes. */
export type Instruction =
  | { readonly copy: true; readonly source: number; readonly offset: number; readonly length: number }
  | { readonly copy: false; readonly length: number }

/** Instructions one by one, neighbours joined, as the text that travels. */
export class RecipeWriter {
  readonly #lines: string[] = []
  #last: Instruction | undefined
  literals = 0
  copied = 0

  copy(source: number, offset: number, length: number): void {
    this.copied += length
    const last = this.#last
    if (last?.copy && last.source === source && last.offset + last.length === offset) this.#last = { ...last, length: last.length + length }
    else this.#next({ copy: true, source, offset, length })
  }

  literal(length: number): void {
    this.literals += length
    const last = this.#last
    if (last && !last.copy) this.#last = { copy: false, length: last.length + length }
    else this.#next({ copy: false, length })
  }

  end(): Buffer {
    this.#next(undefined)
    return Buffer.from(this.#lines.join(''))
  }

  #next(instruction: Instruction | undefined): void {
    const last = this.#last
    if (last) this.#lines.push(last.copy ? `C ${last.source} ${last.offset} ${last.length}\n` : `L ${last.length}\n`)
    this.#last = instruction
  }
}

/** @throws E_VOLUME_INVALID */
export function* instructionsOf(recipe: Buffer): Generator<Instruction> {
  for (let at = 0; at < recipe.byteLength;) {
    const stop = recipe.indexOf(0x0a, at)
    const line = recipe.toString('latin1', at, stop < 0 ? recipe.byteLength : stop)
    const [, source, offset, copied, literal] = /^(?:C (\d{1,5}) (\d{1,15}) (\d{1,15})|L (\d{1,15}))$/.exec(line) ?? []
    if (stop < 0 || (copied ?? literal) === undefined) throw fault('E_VOLUME_INVALID', 'a delta has an instruction that is none', { found: JSON.stringify(line.slice(0, 60)) })
    if (literal === undefined) yield { copy: true, source: Number(source), offset: Number(offset), length: Number(copied) }
    else yield { copy: false, length: Number(literal) }
    at = stop + 1
  }
}
