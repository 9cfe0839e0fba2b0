import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { SourceContext } from '../source.ts'
import { isAddress, type Reference } from './reference.ts'

/** What a ref was when it was asked for. */
export interface Pinned {
  /** `refs/tags/v1.0`, `refs/heads/main`, or `HEAD` for a commit named by its id. */
  readonly ref: string
  /** The tag's own object where it is annotated, else the commit. */
  readonly object: string
  readonly commit: string
}

/** Nothing runs but git, nothing is asked of a person, and what comes is checked for form. */
const SETTINGS = ['core.hooksPath=/dev/null', 'transfer.fsckObjects=true', 'protocol.allow=never', ...['https', 'ssh', 'file'].map((one) => `protocol.${one}.allow=always`)]
const ID = /^[0-9a-f]{40}$/

export type Git = (args: readonly string[], cwd?: string, input?: string) => Promise<ClientResult>

export function gitIn(context: SourceContext): Git {
  const settings = SETTINGS.flatMap((one) => ['-c', one])
  const env = { ...context.env, GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'https:ssh:file', GIT_LFS_SKIP_SMUDGE: '1' }
  return (args, cwd = context.scratch, input) =>
    runClient('git', [...settings, ...args], { cwd, env, signal: context.signal, debian: 'git', ...(input === undefined ? {} : { input }) })
}

/** Where git looks for it: a path beside the definition is made absolute. */
const placeOf = ({ repository }: Reference, context: SourceContext): string => (isAddress(repository) ? repository : context.locate(repository))

/** The ref as the repository has it now; undefined when it has none of this name. */
export async function lookUp(git: Git, wanted: Reference, context: SourceContext): Promise<Pinned | undefined> {
  if (ID.test(wanted.ref)) return { ref: 'HEAD', object: wanted.ref, commit: wanted.ref }
  const listed = await git(['ls-remote', '--refs', '--heads', '--tags', '--', placeOf(wanted, context)])
  if (!listed.ok) throw gitFault(wanted, listed)
  const refs = new Map(listed.stdout.split('\n').map((line) => line.split('\t').toReversed() as [string, string]))
  for (const ref of [`refs/tags/${wanted.ref}`, `refs/heads/${wanted.ref}`]) {
    const object = refs.get(ref)
    if (object === undefined) continue
    const peeled = await git(['ls-remote', '--', placeOf(wanted, context), `${ref}^{}`])
    return { ref, object, commit: peeled.stdout.split('\t')[0]?.trim() || object }
  }
  return undefined
}

/**
 * The pack of everything that `object` reaches, written in one form whatever git was told upstream: no deltas and no
 * compression (media compress), so that the same commit gives the same bytes. Returns the file, named by its own digest.
 */
export async function packOf(git: Git, wanted: Reference, pinned: Pinned, folder: string, context: SourceContext): Promise<string | undefined> {
  await mkdir(folder, { recursive: true })
  const bare = join(folder, 'bare')
  const made = await git(['init', '--quiet', '--bare', bare])
  if (!made.ok) throw gitFault(wanted, made)
  const from = placeOf(wanted, context)
  // Not every server gives what only an id names: then by the ref, which may have moved on and still reach it.
  const byId = await git(['fetch', '--quiet', '--no-tags', '--', from, pinned.object], bare)
  if (!byId.ok) {
    const byRef = await git(['fetch', '--quiet', '--no-tags', '--', from, pinned.ref === 'HEAD' ? '+refs/*:refs/upstream/*' : pinned.ref], bare)
    if (!byRef.ok && !/couldn't find remote ref/i.test(byRef.stderr)) throw gitFault(wanted, byRef)
  }
  if (!(await git(['cat-file', '-e', `${pinned.object}^{commit}`], bare)).ok) return undefined
  const written = await git(
    [
      ...['-c', 'pack.compression=0', '-c', 'pack.threads=1', '-c', 'pack.writeReverseIndex=false'],
      ...['pack-objects', '--quiet', '--revs', '--window=0', '--depth=0', '--no-reuse-object', join(folder, 'pack')],
    ],
    bare,
    `${pinned.object}\n`,
  )
  if (!written.ok) throw gitFault(wanted, written)
  const file = join(folder, 'repository.pack')
  await rename(join(folder, `pack-${written.stdout.trim()}.pack`), file)
  return file
}

export function gitFault({ item }: Reference, result: ClientResult): Error {
  const faults = [`git: ${item}`, ...lastWords(result)]
  if (/does not (?:exist|appear to be a git repository)|not found|No such file/i.test(result.stderr) && !/resolve host/i.test(result.stderr))
    return fault('E_UPSTREAM_MISSING', 'There is no such git repository.', { faults: [`git: no ${item}`, ...lastWords(result)] })
  return clientFault('git', result, () => fault('E_UPSTREAM_UNREACHABLE', `git could not take ${item}.`, { faults }))
}
