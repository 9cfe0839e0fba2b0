import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LAYOUT } from '../../bundle/layout.ts'
import { aptSuites } from '../depot/layout-release.ts'
import { readState } from '../depot/state.ts'
import { seen } from '../floor/floors.ts'
import { signedFiles } from '../floor/memory.ts'
import { readIfPresent } from '../journal/durable.ts'
import { namesOn } from '../site/services.ts'
import { handedPolicies, type EngineContext } from './context.ts'
import type { BackupsToKeep, HostMemory, HostPreparation } from './host.ts'
import { askHost, assertThere, othersOf } from './hosts.ts'
import { releaseOf } from './play.ts'

/** Prepares every other host from the depot, all at once; nothing is changed on any before all of them answer. */
export async function prepareOthers(context: EngineContext): Promise<string> {
  const others = othersOf(context.site)
  await assertThere(context)
  const { folder } = await releaseOf(context, context.plan.release)
  const suites = await aptSuites(folder)
  const memory = await memoryFor(context, false)
  await each(context, 'host-prepare', (host): HostPreparation => ({
    domain: context.site.domain,
    names: namesOn(context.site, host),
    suites,
    stretchDays: context.site.validUntil.stretchDays,
    memory,
  }))
  return `${others.map((host) => host.name).join(', ')}: names, package source, memory`
}

/** Every other host remembers that this release was committed, before the depot says so. */
export async function rememberOnOthers(context: EngineContext): Promise<void> {
  if (othersOf(context.site).length === 0) return
  const memory = await memoryFor(context, context.plan.kind !== 'rollback')
  await each(context, 'host-remember', () => memory)
}

export async function pruneOthers(context: EngineContext): Promise<void> {
  const { directory, keep } = context.site.backup
  const stays = (await readState(context.paths))?.previous?.backup
  await each(context, 'host-prune', (): BackupsToKeep => ({ directory, keep, ...(stays ? { stays } : {}) }))
}

async function memoryFor(context: EngineContext, committed: boolean): Promise<HostMemory> {
  const { paths, plan, id, site } = context
  const kept = join(paths.manifests, plan.release.digest)
  const statement = await readIfPresent(join(kept, LAYOUT.statement))
  const names = statement === undefined ? [] : [LAYOUT.statement, ...(await signedFiles(kept))]
  const files = await Promise.all(names.map(async (name) => [name, (await readFile(join(kept, name))).toString('base64')] as const))
  return {
    floors: seen(plan.release, committed),
    policies: (await handedPolicies(paths, id)).map((one) => one.toString('base64')),
    cardDigest: site.trust.sha512,
    ...(files.length > 0 ? { manifest: { digest: plan.release.digest, files: Object.fromEntries(files) } } : {}),
  }
}

/** All hosts at once; every fault is waited for, and the first in the order of site.yaml is thrown. */
async function each(context: EngineContext, verb: string, question: (host: EngineContext['site']['hosts'][number]) => unknown): Promise<void> {
  const ended = await Promise.allSettled(othersOf(context.site).map((host) => askHost(context, host, verb, question(host))))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}
