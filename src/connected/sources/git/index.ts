import { createReadStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../../bundle/fault.ts'
import { fault } from '../../codes.ts'
import type { Item, Source, SourceContext } from '../source.ts'
import { inTurns } from '../turns.ts'
import { reference, type Reference } from './reference.ts'
import { gitIn, lookUp, packOf, type Pinned } from './repository.ts'
import { bareTree } from './tree.ts'

/** Bytes of SHA-1 at the end of a pack, which is also what its file is named after. */
const TRAILER = 20

/**
 * Repositories at a ref, with all the history that it reaches, pinned by the ids of git itself. The tree is a bare
 * repository that clients clone from static files (gitprotocol-http(5), the "dumb" part).
 */
export function gitSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'git')
  const git = gitIn(context)
  /** Packs that are here already, by the path of their item. */
  const packs = new Map<string, string>()

  const take = async (wanted: Reference, pinned: Pinned): Promise<Item | undefined> => {
    const place = join(folder, crypto.randomUUID())
    const file = await packOf(git, wanted, pinned, place, context)
    if (file === undefined) return undefined
    const path = `${wanted.folder}/objects/pack/pack-${await trailerOf(file)}.pack`
    packs.set(path, file)
    const { size } = await stat(file)
    const { ref, object, commit } = pinned
    return { kind: 'git', name: wanted.folder, version: commit, path, upstream: `git:${object}`, size, attributes: { ref, object } }
  }

  return {
    kind: 'git',
    async resolve({ items }) {
      await mkdir(folder, { recursive: true })
      const read = items.map((item) => ({ item, wanted: reference(item) }))
      const found = await inTurns(read, 2, async ({ wanted }) => {
        if (wanted === undefined) return undefined
        try {
          const pinned = await lookUp(git, wanted, context)
          return pinned === undefined ? undefined : await take(wanted, pinned)
        } catch (error) {
          if (error instanceof Fault && error.code === 'E_UPSTREAM_MISSING') return undefined
          throw error
        }
      })
      const missing = read.filter((_, index) => found[index] === undefined)
      if (missing.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'A git repository does not have what the definition asks for.', {
          expected: 'REPOSITORY#REF: an https, ssh or file address without a password, or a path beside the definition; a branch, tag or commit id',
          faults: missing.map(({ item }) => `git: no ${item}`),
        })
      refuseTwoOrigins(read.flatMap(({ wanted }) => wanted ?? []))
      return found.filter((item) => item !== undefined).sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item, request) {
      const pinned = { ref: item.attributes?.['ref'] ?? 'HEAD', object: item.attributes?.['object'] ?? item.version, commit: item.version }
      const wanted = request.items.map(reference).find((one) => one?.folder === item.name && (pinned.ref.endsWith(`/${one.ref}`) || one.ref === pinned.commit))
      if (wanted === undefined) throw fault('E_UPSTREAM_MISSING', 'The definition no longer names a repository of the lock.', { faults: [`git: ${item.name}`] })
      if (!packs.has(item.path)) {
        await mkdir(folder, { recursive: true })
        const again = await take(wanted, pinned)
        if (again === undefined)
          throw fault('E_UPSTREAM_CHANGED', `The history of ${item.name} was rewritten: ${wanted.ref} no longer leads to the pinned commit.`, {
            expected: `commit ${pinned.commit}`,
            found: 'no such object in the repository',
            faults: [`git: ${wanted.item}`],
          })
        if (again.path !== item.path)
          throw fault('E_UPSTREAM_CHANGED', `git packs the pinned commit of ${item.name} in another form than it did for the lock.`, {
            expected: item.path,
            found: again.path,
            faults: [`git: ${wanted.item}`],
          })
      }
      return createReadStream(packs.get(item.path) ?? '', { signal: context.signal })
    },
    tree: (items) => bareTree(items, context),
  }
}

/** Two repositories of one name would be one folder. */
function refuseTwoOrigins(all: readonly Reference[]): void {
  const faults = [...Map.groupBy(all, ({ folder }) => folder)]
    .filter(([, same]) => new Set(same.map(({ repository }) => repository)).size > 1)
    .map(([folder, same]) => `git: ${folder}: ${same.map(({ item }) => item).join(', ')}`)
  if (faults.length > 0) throw fault('E_UNSATISFIABLE', 'Repositories of the same name need mirrors of their own.', { faults })
}

async function trailerOf(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const { buffer } = await handle.read(Buffer.alloc(TRAILER), 0, TRAILER, size - TRAILER)
    return buffer.toString('hex')
  } finally {
    await handle.close()
  }
}
