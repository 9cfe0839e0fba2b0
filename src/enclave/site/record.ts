import { join } from 'node:path'
import { raise, readFloors, type Floors } from '../floor/floors.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'

/** What this station remembers of the site, so that a depot restored from an old copy cannot take it back. */
const FILE = 'record.json'

export async function readRecord(folder: string): Promise<Floors> {
  return readFloors(await readIfPresent(join(folder, FILE)), join(folder, FILE))
}

/** Raises the record; it never goes down. */
export async function raiseRecord(folder: string, seen: Floors): Promise<void> {
  await writeDurably(join(folder, FILE), `${JSON.stringify(raise(await readRecord(folder), seen), null, 2)}\n`, 0o600)
}
