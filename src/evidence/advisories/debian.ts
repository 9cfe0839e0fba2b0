import { compareDebian } from '../versions/debian.ts'
import type { Claim } from './claim.ts'

/** A vulnerability of a source package in the JSON export of Debian's security tracker. */
export interface TrackerEntry {
  readonly description?: string
  readonly releases?: Readonly<Record<string, TrackerRelease>>
}

interface TrackerRelease {
  /** `open`, `resolved` or `undetermined`. */
  readonly status?: string
  /** `0`: this release never had it. */
  readonly fixed_version?: string
  readonly urgency?: string
}

/** Code names, as the tracker has them. */
const CODENAMES: Readonly<Record<string, string>> = { 11: 'bullseye', 12: 'bookworm', 13: 'trixie', 14: 'forky' }

export function codenameOf(release: string): string {
  return CODENAMES[release] ?? release
}

/** What the tracker says of one source package in one release. */
export function debianClaims(name: string, entries: Readonly<Record<string, TrackerEntry>>, { source, release }: { readonly source: string; readonly release: string }): Claim[] {
  return Object.entries(entries).flatMap(([id, { description = '', releases = {} }]): Claim[] => {
    const known = releases[release]
    if (known === undefined) return []
    const { status, fixed_version: fixed, urgency } = known
    const hasFix = status === 'resolved' && fixed !== undefined && fixed !== '0'
    return [
      {
        id,
        aliases: [],
        source,
        type: 'deb',
        name,
        summary: description,
        ...(urgency === undefined ? {} : { severity: urgency }),
        ...(hasFix ? { fixed } : {}),
        verdict(version) {
          if (status === 'open') return 'affected'
          if (status === 'resolved') return hasFix && compareDebian(version, fixed) < 0 ? 'affected' : undefined
          return 'undetermined'
        },
      },
    ]
  })
}
