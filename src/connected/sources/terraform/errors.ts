import { stripVTControlCharacters } from 'node:util'
import { lastWords, type ClientResult } from '../client.ts'

/** Errors that the client drew: each in a box, in colour, and wrapped to the width of a terminal that nobody has. One line each. */
export function errorsOf(result: ClientResult): string[] {
  const boxes = stripVTControlCharacters(`${result.stdout}\n${result.stderr}`).split(/^╷.*$/m).slice(1)
  const drawn = boxes.map((box) => (box.split(/^╵/m)[0] ?? '').replaceAll(/^│/gm, ' ').replaceAll(/\s+/g, ' ').trim())
  const errors = drawn.filter((text) => text.startsWith('Error: ')).map((text) => text.slice('Error: '.length))
  return errors.length > 0 ? errors : lastWords(result)
}
