import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Item, LockedItem, Request, Source, SourceContext, TreeFile } from '../source.ts'
import { aptClient, type AptClient } from './client.ts'
import { closure } from './closure.ts'
import { download } from './download.ts'
import { indexItems } from './indexes.ts'
import { archivesFor } from './machine.ts'

const DEFAULT_SUITES = ['trixie', 'trixie-updates', 'trixie-security'] as const

/** Debian packages, resolved and verified by apt itself; mirrors keep Debian's signed indexes as they are. */
export function aptSource(context: SourceContext): Source {
  const { target, env, signal } = context
  const folder = join(context.scratch, 'apt')
  const clients = new Map<string, Promise<AptClient>>()
  const origins = new Map<string, Promise<string>>()
  /** apt locks its state: one at a time. */
  let turn: Promise<unknown> = Promise.resolve()

  const updated = (suites: readonly string[]): Promise<AptClient> => {
    const key = suites.join(' ')
    const known = clients.get(key)
    if (known !== undefined) return known
    const made = (async () => {
      const client = await aptClient({
        folder: join(folder, String(clients.size)),
        architecture: target.architecture,
        suites,
        env,
        signal,
      })
      await client.update()
      return client
    })()
    clients.set(key, made)
    return made
  }

  const originOf = (suite: string): Promise<string> => {
    const known = origins.get(suite)
    if (known !== undefined) return known
    const found = archivesFor([suite], context).then(([archive]) => archive?.uri ?? '')
    origins.set(suite, found)
    return found
  }

  const resolve = async (request: Request): Promise<Item[]> => {
    const suites = request.suites ?? DEFAULT_SUITES
    const client = await updated(suites)
    const packages = await closure(client, { packages: request.items, without: request.without ?? [], folder })
    if (request.purpose === 'image') return packages
    return [...(await indexItems(client, suites, target.architecture)), ...packages]
  }

  return {
    kind: 'apt',
    resolve(request) {
      const result = turn.then(
        () => resolve(request),
        () => resolve(request),
      )
      turn = result
      return result
    },
    async fetch(item) {
      await mkdir(folder, { recursive: true })
      return download(item, { origin: await originOf(item.attributes?.['suite'] ?? ''), folder, env, signal })
    },
    async tree(items) {
      return items.flatMap(treeFiles)
    },
  }
}

/** Clients ask for an index by its hash first, where the archive offers that: the same blob under both names. */
function treeFiles(item: LockedItem): TreeFile[] {
  const { path, sha256, sha512, size } = item
  const byHash = item.attributes?.['byHash']
  return [path, ...(byHash === undefined ? [] : [byHash])].map((where) => ({ path: where, sha256, sha512, size }))
}
