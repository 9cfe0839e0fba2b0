import { readFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Progress } from '../../bundle/fault.ts'
import { ContentStore } from '../../bundle/store.ts'
import { fault } from '../codes.ts'
import { readIfPresent } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { parsePlan, type Plan } from '../plan/plan.ts'
import { parseSite } from '../site/read.ts'
import type { Site } from '../site/site.ts'

/** What every action of the engine works with. */
export interface EngineContext {
  readonly paths: HostPaths
  readonly id: string
  readonly folder: string
  readonly plan: Plan
  readonly site: Site
  /** Public files that site.yaml names, by that name. */
  readonly files: ReadonlyMap<string, string>
  readonly store: ContentStore
  /** Attempt of this plan: a backup belongs to one. */
  readonly attempt: number
  readonly now: () => Date
  /** Shown to whoever watches; lost at a power cut, and nothing depends on it. */
  readonly progress: (progress: Progress) => void
}

/** Files of a plan's folder. */
export function planFiles(paths: HostPaths, id: string) {
  const folder = join(paths.journal, id)
  return {
    folder,
    plan: join(folder, 'plan.json'),
    site: join(folder, 'site.yaml'),
    policy: join(folder, 'policy.json'),
    laterPolicies: join(folder, 'later-policies.json'),
    handed: join(folder, 'files.json'),
    bundle: join(folder, 'bundle.json'),
    journal: join(folder, 'journal.jsonl'),
    progress: join(folder, 'progress.json'),
    log: (name: string): string => join(folder, `${name}.log`),
  } as const
}

/** The policies that came with a plan: the one of the card, and those that followed it, in their order. */
export async function handedPolicies(paths: HostPaths, id: string): Promise<Buffer[]> {
  const files = planFiles(paths, id)
  const later = JSON.parse((await readIfPresent(files.laterPolicies)) ?? '[]') as string[]
  return [await readFile(files.policy), ...later.map((one) => Buffer.from(one, 'base64'))]
}

export type PlanFolder = Pick<EngineContext, 'plan' | 'site' | 'files' | 'folder'>

/** Reads a plan and its site from its folder. Throws E_STATE unless the site is the one the plan was made for. */
export async function readPlanFolder(paths: HostPaths, id: string): Promise<PlanFolder> {
  const files = planFiles(paths, id)
  const plan = parsePlan(await readFile(files.plan, 'utf8'), files.plan)
  const text = await readFile(files.site)
  const found = createHash('sha512').update(text).digest('hex')
  if (found !== plan.site.sha512)
    throw fault('E_STATE', `${files.site} is not the site of the plan`, { expected: `sha512 ${plan.site.sha512}`, found: `sha512 ${found}` })
  return { plan, site: parseSite(text.toString('utf8'), files.site), files: await handedFiles(files.handed, plan), folder: files.folder }
}

/** The public files that came with the plan, each the one that the plan names. */
async function handedFiles(path: string, plan: Plan): Promise<ReadonlyMap<string, string>> {
  const named = Object.entries(plan.site.files ?? {})
  if (named.length === 0) return new Map()
  const texts = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>
  return new Map(
    named.map(([name, digest]) => {
      const found = createHash('sha512').update(texts[name] ?? '').digest('hex')
      if (found !== digest) throw fault('E_STATE', `${name} is not the file of the plan`, { expected: `sha512 ${digest}`, found: `sha512 ${found}` })
      return [name, texts[name] ?? '']
    }),
  )
}

/** Name of the backup made by this attempt of the plan. */
export function backupId({ id, attempt }: Pick<EngineContext, 'id' | 'attempt'>): string {
  return `${id}-${attempt}`
}
