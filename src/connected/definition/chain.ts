import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fault } from '../codes.ts'
import { readDocument, type ReadDocument } from '../images/document.ts'
import type { DefinitionDocument } from './definition.ts'
import { DEFINITION_SCHEMA, RELEASE_SCHEMA } from './schema.ts'

/** One bundle.yaml of a chain of `extends`. */
export interface Link {
  readonly file: string
  readonly folder: string
  readonly document: DefinitionDocument
  readonly at: ReadDocument<DefinitionDocument>['at']
}

/** A definition and what it extends, the outermost base first. */
export interface Chain {
  readonly links: readonly Link[]
  readonly faults: readonly string[]
}

/** `bundles/hello` or `bundles/hello/bundle.yaml` as the absolute path of the file. Throws E_DEFINITION. */
export function definitionFile(path: string): string {
  const file = resolve(existsSync(path) && statSync(path).isDirectory() ? join(path, 'bundle.yaml') : path)
  if (!existsSync(file))
    throw fault('E_DEFINITION', `There is no bundle definition at ${path}.`, {
      expected: 'a folder with a bundle.yaml, or the file itself',
      found: `no file ${shown(file)}`,
    })
  return file
}

/** A path as a person in this working directory would write it. */
export function shown(path: string): string {
  const inside = relative(process.cwd(), path)
  return inside.startsWith('../..') ? path : inside
}

/** Reads a definition and everything it extends. Faults of all files are collected; nothing is thrown for them. */
export async function readChain(file: string): Promise<Chain> {
  const links: Link[] = []
  const faults: string[] = []
  const seen = new Set<string>()
  for (let next: string | undefined = file; next !== undefined;) {
    const current: string = next
    seen.add(current)
    const read = await readEither(shown(current))
    faults.push(...read.faults)
    if (read.value === undefined) break
    const folder = dirname(current)
    links.unshift({ file: current, folder, document: read.value, at: read.at })
    next = read.value.extends === undefined ? undefined : withFileName(resolve(folder, read.value.extends))
    if (next === undefined) break
    if (seen.has(next)) faults.push(`${read.at(['extends'])}: the definition extends itself`)
    else if (!existsSync(next)) faults.push(`${read.at(['extends'])}: no such file: ${read.value.extends ?? ''}`)
    else continue
    break
  }
  return { links, faults }
}

function withFileName(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? join(path, 'bundle.yaml') : path
}

/** A definition that extends another may leave out what the other says. */
async function readEither(path: string): Promise<ReadDocument<DefinitionDocument>> {
  const loose = await readDocument<{ readonly extends?: unknown } | null>(path, {})
  const schema = loose.value?.extends === undefined ? DEFINITION_SCHEMA : RELEASE_SCHEMA
  return readDocument<DefinitionDocument>(path, schema)
}
