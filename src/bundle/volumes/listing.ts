import { fault } from '../codes.ts'
import { plainPathFault } from '../path.ts'
import { hex128, integer, listOf, matching, oneOf, recordOf, type Check } from '../shape.ts'
import { KINDS, NAME, type Kind } from '../statement.ts'
import { parseStrict } from '../strict-json.ts'
import { VOLUME_LIMITS } from './layout.ts'

export const VOLUME_TYPE = 'application/vnd.sallyport.volume.v1+json'

/** The bundle that a set carries. */
export interface CarriedBundle {
  readonly kind: Kind
  readonly name: string
  readonly version: string
  readonly sequence: number
  /** Digest of the bundle: sha512 of its bundle.json. */
  readonly sha512: string
}

/** A piece of the content: `size` bytes from `offset`, stored as `stored` bytes; a zstd frame unless both are equal. */
export interface Segment {
  readonly offset: number
  readonly size: number
  readonly stored: number
  /** Of the stored bytes: checked before they are decompressed. */
  readonly sha512: string
}

export interface VolumeFile {
  readonly path: string
  readonly size: number
  readonly sha512: string
}

/** Segments stand in it one after the other, from its first byte; a spare volume's packs have none. */
export interface Pack extends VolumeFile {
  readonly segments: readonly Segment[]
}

/** volume.json, in this order of members. docs/format.md is its normative description. */
export interface VolumeListing {
  readonly type: typeof VOLUME_TYPE
  readonly formatVersion: 1
  readonly critical: readonly string[]
  readonly bundle: CarriedBundle
  /** contents.json; its digest names the set. */
  readonly contents: { readonly sha512: string; readonly size: number }
  readonly volume: number
  /** Volumes with content; spare volumes come after them. */
  readonly volumes: number
  readonly spares: number
  /** On a spare volume: the volumes whose packs are XORed in its own. */
  readonly covers: readonly number[]
  readonly packs: readonly Pack[]
  readonly files: readonly VolumeFile[]
}

export const plainPath: Check = (value, place, faults) => {
  const why = plainPathFault(value)
  if (why !== undefined) faults.push(`${place}: ${why}`)
}

const size = integer(0)
export const carried = recordOf({
  kind: oneOf(...KINDS),
  name: matching(NAME, 'a name of a-z, 0-9 and "-"'),
  version: matching(/^[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}$/, 'a version'),
  sequence: integer(1),
  sha512: hex128,
})
const segment = recordOf({ offset: size, size: integer(1, VOLUME_LIMITS.segment), stored: integer(1, VOLUME_LIMITS.segment), sha512: hex128 })
const file = { path: plainPath, size, sha512: hex128 }
const pathOf = (item: VolumeFile): string => item.path.toLowerCase()
const LISTING = recordOf({
  type: oneOf(VOLUME_TYPE),
  formatVersion: oneOf(1),
  critical: listOf(matching(/^(?!)/, 'nothing that this program does not understand'), 0),
  bundle: carried,
  contents: recordOf({ sha512: hex128, size }),
  volume: integer(1, VOLUME_LIMITS.volumes),
  volumes: integer(1, VOLUME_LIMITS.volumes),
  spares: integer(0, VOLUME_LIMITS.volumes),
  covers: listOf(integer(1, VOLUME_LIMITS.volumes), VOLUME_LIMITS.group, (item: number) => String(item)),
  packs: listOf(recordOf({ ...file, segments: listOf(segment, 100_000) }), 9_999, pathOf),
  files: listOf(recordOf(file), 1_000, pathOf),
})

/** @throws E_JSON_STRICT, E_TOO_LARGE, E_VOLUME_INVALID with every fault */
export function parseListing(bytes: Uint8Array): VolumeListing {
  const value = parseStrict(bytes, { what: 'volume.json', limit: VOLUME_LIMITS.listing })
  const faults: string[] = []
  LISTING(value, '', faults)
  if (faults.length === 0) faults.push(...inner(value as VolumeListing))
  if (faults.length > 0) throw fault('E_VOLUME_INVALID', 'volume.json is not a valid listing of a volume', { faults })
  return value as VolumeListing
}

function inner({ packs, volume, volumes, spares, covers }: VolumeListing): string[] {
  const faults: string[] = []
  if (volume > volumes + spares) faults.push(`volume: ${volume} of ${volumes + spares}`)
  if (volume > volumes !== covers.length > 0) faults.push('covers: a spare volume covers volumes, another none')
  if (covers.some((one) => one > volumes)) faults.push('covers: names a volume that has no content')
  for (const [index, { segments, size: whole }] of packs.entries()) {
    const stored = segments.reduce((sum, one) => sum + one.stored, 0)
    if (volume <= volumes && stored !== whole) faults.push(`packs[${index}]: its segments have ${stored} bytes, the pack ${whole}`)
    if (segments.some((one) => one.stored > one.size)) faults.push(`packs[${index}]: a segment is stored with more bytes than it has`)
  }
  return faults
}
