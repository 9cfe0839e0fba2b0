import { basename } from 'node:path'

/** `REPOSITORY#REF` of a definition. */
export interface Reference {
  readonly item: string
  /** An address, or a path beside the definition. */
  readonly repository: string
  /** Branch, tag or commit. */
  readonly ref: string
  /** Name of the folder in the mirror: `tools.git`. */
  readonly folder: string
}

/** Addresses that authenticate the other side; anything else is a path. No git:// or http://, no helpers such as ext:: */
const ADDRESS = /^(?:https|ssh|file):\/\//
const REF = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/
const FOLDER = /^[A-Za-z0-9][A-Za-z0-9._-]*\.git$/

export const isAddress = (repository: string): boolean => ADDRESS.test(repository)

/** undefined when the item is not `REPOSITORY#REF`, or its address is of a kind that is not taken or holds a password. */
export function reference(item: string): Reference | undefined {
  const at = item.lastIndexOf('#')
  const [repository, ref] = [item.slice(0, at), item.slice(at + 1)]
  if (at < 1 || !REF.test(ref) || ref.includes('..') || ref.endsWith('.lock')) return undefined
  if (isAddress(repository) ? hasPassword(repository) : /^[-/]|:/.test(repository)) return undefined
  const folder = `${basename(repository.replace(/\/+$/, '')).replace(/\.git$/, '')}.git`
  return FOLDER.test(folder) ? { item, repository, ref, folder } : undefined
}

/** A password in an address would travel in the definition: git has credential helpers and ssh keys for it. */
function hasPassword(repository: string): boolean {
  const { username, password, protocol } = new URL(repository)
  return password !== '' || (username !== '' && protocol !== 'ssh:')
}
