import { rm } from 'node:fs/promises'
import type { OnProgress } from '../../bundle/fault.ts'
import { ContentStore } from '../../bundle/store.ts'
import { loadDefinition } from '../definition/load.ts'
import { lockText, readLock, writeLock } from '../lock/file.ts'
import type { LockedItem } from '../sources/source.ts'
import { Inputs } from './inputs.ts'
import { scratchIn } from './scratch.ts'
import type { BuildStep } from './build.ts'

export interface SyncOptions {
  /** Folder of the definition, or its bundle.yaml. */
  readonly definition: string
  /** Folder of the content store. */
  readonly store: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Items fetched at a time, 6 when absent. */
  readonly concurrency?: number
}

/** What a mirror has now and the lock did not have, and the other way round: by name and version. */
export interface MirrorChange {
  readonly name: string
  readonly ecosystem: string
  readonly added: readonly string[]
  readonly gone: readonly string[]
  readonly kept: number
}

export interface Synced {
  readonly mirrors: readonly MirrorChange[]
  /** Items that the content store did not hold, and their bytes. */
  readonly fetched: { readonly items: number; readonly bytes: number }
  /** False when upstream has nothing new: the lock is the same, byte for byte. */
  readonly changed: boolean
  readonly lockFile: string
}

export interface SyncRun {
  readonly steps: readonly BuildStep[]
  result(): Synced
  end(): Promise<void>
}

/**
 * Asks every upstream of a definition's mirrors again, and brings what is new into the content store and the lock. What the
 * store has is not fetched again, and images stay as the lock has them: the next build makes a bundle without asking anybody.
 */
export async function startSync(options: SyncOptions): Promise<SyncRun> {
  const definition = await loadDefinition(options.definition)
  const before = await readLock(definition.lockFile)
  const store = new ContentStore(options.store)
  const scratch = await scratchIn(options.store)
  const { env, signal } = options
  const { target, locate } = definition
  const inputs = new Inputs(definition, { store, scratch, target, signal, env, locate })
  const images = before && { ...before, requests: before.requests.filter((one) => one.for.every((user) => user.startsWith('images/'))) }
  let synced: Synced | undefined
  return {
    steps: [
      {
        title: 'Resolve',
        async run(progress: OnProgress) {
          await inputs.resolve(images, progress)
          return 'upstream asked'
        },
      },
      {
        title: 'Fetch what is new',
        async run(progress: OnProgress) {
          await inputs.fetch(options.concurrency ?? 6, progress)
          const { items, bytes } = inputs.fetched()
          return `${items} items, ${(bytes / 1e6).toFixed(1)} MB`
        },
      },
      {
        title: 'Write the lock',
        async run() {
          const now = `${new Date().toISOString().slice(0, 19)}Z`
          const same = before === undefined ? undefined : inputs.lock(definition, before.created, before.outputs)
          const changed = before === undefined || same === undefined || lockText(same) !== lockText(before)
          if (changed) await writeLock(definition.lockFile, inputs.lock(definition, now, before?.outputs ?? {}))
          const known = new Set(before?.items.map(named))
          const mirrors = definition.mirrors.map(({ name, ecosystem, request }): MirrorChange => {
            const items = inputs.locked(ecosystem, request)
            const user = `mirrors/${name}`
            const paths = new Set(before?.requests.filter((one) => one.kind === ecosystem && one.for.includes(user)).flatMap((one) => one.items))
            const old = (before?.items ?? []).filter((item) => item.kind === ecosystem && paths.has(item.path))
            const here = new Set(items.map(named))
            return {
              ...{ name, ecosystem },
              added: names(items.filter((item) => !known.has(named(item)))),
              gone: names(old.filter((item) => !here.has(named(item)))),
              kept: items.filter((item) => known.has(named(item))).length,
            }
          })
          synced = { mirrors, fetched: inputs.fetched(), changed, lockFile: definition.lockFile }
          return changed ? 'changed' : 'nothing new'
        },
      },
    ],
    result() {
      if (synced === undefined) throw new Error('the sync has not ended')
      return synced
    },
    end: () => rm(scratch, { recursive: true, force: true }),
  }
}

const named = (item: LockedItem): string => `${item.kind}:${item.path}:${item.sha256}`
const names = (items: readonly LockedItem[]): string[] => [...new Set(items.map(({ name, version }) => `${name} ${version}`))].toSorted()
