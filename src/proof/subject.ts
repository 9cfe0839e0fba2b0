import { readFile } from 'node:fs/promises'
import type { TreeEntry } from '../bundle/tree.ts'
import { shown } from '../connected/definition/chain.ts'
import type { Definition, MirrorPlan } from '../connected/definition/definition.ts'
import type { Check, Untried } from './check.ts'

export interface Subject {
  readonly mirror: MirrorPlan
  /** The files of its tree in the bundle. */
  readonly tree: readonly TreeEntry[]
  readonly definition: Definition
  /** `depot.enclave.example:8443`. */
  readonly depot: string
}

export interface Checks {
  readonly checks: readonly Check[]
  readonly untried?: readonly Untried[]
}

/** How one ecosystem is tried. */
export interface Client {
  /** Debian packages of the client, on the workbench. */
  readonly packages: readonly string[]
  checks(subject: Subject): Promise<Checks>
}

/** What the definition names for a mirror, each with its line. */
export function named({ mirror, definition }: Subject): { readonly item: string; readonly line: string }[] {
  const at = definition.mirrors.indexOf(mirror)
  return (mirror.written.packages ?? []).map((item, index) => ({ item, line: definition.placeOf('mirrors', at, 'packages', index) }))
}

/** A mirror's list as a file of this machine, and its line. */
export function listOf({ mirror, definition }: Subject): { readonly file: string; readonly line: string } | undefined {
  const { list } = mirror.written
  if (list === undefined) return undefined
  return { file: definition.locate(list), line: definition.placeOf('mirrors', definition.mirrors.indexOf(mirror), 'list') }
}

/** The mirror’s own line. */
export const lineOf = ({ mirror, definition }: Subject): string => definition.placeOf('mirrors', definition.mirrors.indexOf(mirror))

/** Names of a list with one a line, each with the line of that file. */
export async function linesOf(subject: Subject): Promise<{ readonly item: string; readonly line: string }[]> {
  const found = listOf(subject)
  if (found === undefined) return []
  return (await readFile(found.file, 'utf8')).split('\n').flatMap((text, index) => {
    const item = text.replace(/#.*/, '').trim()
    return item === '' ? [] : [{ item, line: `${shown(found.file)}:${index + 1}:1` }]
  })
}
