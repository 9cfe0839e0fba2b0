import { join } from 'node:path'
import { stat } from 'node:fs/promises'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import type { EngineContext } from './context.ts'
import { hasFolder, othersOf } from './hosts.ts'

const FILE = 'hosts.json'

/** Writes into the depot's folder of a backup which hosts hold a part of it: each keeps the data of its own services. */
export async function recordPlaces(context: EngineContext, backup: string): Promise<void> {
  const folder = join(context.site.backup.directory, backup)
  const places: string[] = []
  for (const host of othersOf(context.site)) if (await hasFolder(context, host, folder)) places.push(host.name)
  if (places.length > 0) await writeDurably(join(folder, FILE), `${JSON.stringify(places)}\n`, 0o600)
}

/** What is missing of a backup, one line a host; empty when all of it is there. */
export async function missingParts(context: EngineContext, backup: string): Promise<string[]> {
  const folder = join(context.site.backup.directory, backup)
  if (backup === '' || !(await stat(folder).catch(() => undefined))) return [`its backup ${folder} is not there`]
  const places = JSON.parse((await readIfPresent(join(folder, FILE))) ?? '[]') as string[]
  const missing: string[] = []
  for (const name of places) {
    const host = context.site.hosts.find((one) => one.name === name)
    if (!host || !(await hasFolder(context, host, folder))) missing.push(`its part of the backup ${folder} is not on ${name}`)
  }
  return missing
}
