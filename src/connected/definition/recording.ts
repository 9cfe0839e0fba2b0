import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Lookup } from '../images/lookup.ts'

/** A lookup that remembers which files were asked for: together they are the definition. */
export interface RecordingLookup extends Lookup {
  record(path: string): void
  /** Absolute paths of the files that were read or named, sorted. */
  recorded(): string[]
}

export function recording(lookup: Lookup): RecordingLookup {
  const seen = new Set<string>()
  const record = (path: string): void => {
    // A link to itself is nowhere, which statSync alone would not say.
    if (existsSync(path) && statSync(path).isFile()) seen.add(path)
  }
  const found = (path: string): string => {
    const place = lookup(path)
    record(place)
    return place
  }
  return Object.assign(found, {
    exists(path: string) {
      const there = lookup.exists(path)
      if (there) for (const inside of lookup.files(path)) record(lookup(join(path, inside)))
      return there
    },
    files: (path: string) => lookup.files(path),
    unfit: (path: string, wanted?: (inside: string) => boolean) => lookup.unfit(path, wanted),
    record,
    recorded: () => [...seen].sort(),
  })
}
