import { join } from 'node:path'
import type { AdvisoryPlan } from '../advisories/read.ts'
import type { AdvisorySpec } from './definition.ts'
import type { RecordingLookup } from './recording.ts'

/** The files of a data set of advisories; nothing after `wrong` was told what is not right. They are part of the definition. */
export function advisoryPlan({ name, format, from, dated }: AdvisorySpec, root: string, lookup: RecordingLookup, wrong: (why: string) => void): AdvisoryPlan[] {
  const place = join(root, from)
  if (!lookup.exists(place)) {
    wrong(`no such file or folder: ${from}`)
    return []
  }
  if (Number.isNaN(Date.parse(dated)) || new Date(dated).toISOString().slice(0, 10) !== dated) wrong(`there is no day ${dated}`)
  const files = lookup
    .files(place)
    .filter((path) => path === '' || /\.(?:json|zip)$/i.test(path))
    .map((path) => ({ path, file: lookup(join(place, path)) }))
  if (files.length === 0) wrong(`there is no .json or .zip file in ${from}`)
  return [{ name, format, dated, files }]
}
