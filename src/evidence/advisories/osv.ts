import { ORDERS, type Order } from '../versions/order.ts'
import type { Claim, Verdict } from './claim.ts'

/** A record of the Open Source Vulnerability format, as far as it is read. */
export interface OsvRecord {
  readonly id: string
  readonly aliases?: readonly string[]
  readonly upstream?: readonly string[]
  readonly summary?: string
  readonly details?: string
  readonly published?: string
  readonly modified?: string
  readonly withdrawn?: string
  readonly severity?: readonly { readonly type?: string; readonly score?: string }[]
  readonly database_specific?: { readonly severity?: unknown }
  readonly affected?: readonly OsvAffected[]
}

interface OsvAffected {
  readonly package?: { readonly ecosystem?: string; readonly name?: string }
  readonly ranges?: readonly { readonly type?: string; readonly events?: readonly Readonly<Record<string, string>>[] }[]
  readonly versions?: readonly string[]
}

/** purl types of OSV's ecosystems. Others are not compared. */
const TYPES: Readonly<Record<string, string>> = { npm: 'npm', PyPI: 'pypi', Go: 'golang', Maven: 'maven', Debian: 'deb' }

/** The package a part of a record is about; Debian's count for the release of the bundle only. */
export function osvPackage({ package: about }: OsvAffected, release: string): { readonly type: string; readonly name: string } | undefined {
  const [ecosystem = '', ...suffix] = (about?.ecosystem ?? '').split(':')
  const type = TYPES[ecosystem]
  if (type === undefined || about?.name === undefined) return undefined
  return type === 'deb' && suffix[0] !== release ? undefined : { type, name: about.name }
}

/** Everything a record says about packages of known ecosystems; a withdrawn record says nothing. */
export function osvClaims(record: OsvRecord, { source, release }: { readonly source: string; readonly release: string }): Claim[] {
  if (record.withdrawn !== undefined) return []
  const { id, published, modified, summary, details = '' } = record
  const vector = record.severity?.find(({ type }) => type?.startsWith('CVSS_V'))?.score
  const severity = record.database_specific?.severity
  return (record.affected ?? []).flatMap((affected): Claim[] => {
    const about = osvPackage(affected, release)
    const order = about === undefined ? undefined : ORDERS[about.type]
    if (about === undefined || order === undefined) return []
    const fixed = fixedIn(affected)
    return [
      {
        id,
        aliases: [...new Set([...(record.aliases ?? []), ...(record.upstream ?? [])])].sort(),
        source,
        ...about,
        summary: summary ?? details.split('\n')[0] ?? '',
        ...(typeof severity === 'string' ? { severity: severity.toLowerCase() } : {}),
        ...(vector === undefined ? {} : { vector }),
        ...(published === undefined ? {} : { published }),
        ...(modified === undefined ? {} : { modified }),
        ...(fixed === undefined ? {} : { fixed }),
        verdict: (version) => verdictOf(affected, version, order),
      },
    ]
  })
}

/** OSV schema, "Evaluation": a version is affected when it is listed, or within a range. */
function verdictOf({ versions = [], ranges = [] }: OsvAffected, version: string, order: Order): Verdict | undefined {
  if (versions.some((one) => one === version || order(one, version) === 0)) return 'affected'
  let unknown = false
  for (const { type, events = [] } of ranges) {
    if (type === 'GIT') continue
    const within = inRange(events, version, order)
    if (within === true) return 'affected'
    if (within === undefined) unknown = true
  }
  return unknown ? 'undetermined' : undefined
}

/** Undefined when the version, or one of the events, cannot be compared. */
function inRange(events: readonly Readonly<Record<string, string>>[], version: string, order: Order): boolean | undefined {
  const steps = events.flatMap((event) => Object.entries(event).map(([kind, at]) => ({ kind, at })))
  let inside = false
  let unknown = false
  const sorted = steps.toSorted((a, b) => (a.at === '0' ? (b.at === '0' ? 0 : -1) : b.at === '0' ? 1 : (order(a.at, b.at) ?? 0)))
  for (const { kind, at } of sorted) {
    const difference = at === '0' ? 1 : order(version, at)
    if (difference === undefined) unknown = true
    else if (kind === 'introduced' && difference >= 0) inside = true
    else if ((kind === 'fixed' || kind === 'limit') && at !== '*' && difference >= 0) inside = false
    else if (kind === 'last_affected' && difference > 0) inside = false
  }
  return unknown ? undefined : inside
}

function fixedIn({ ranges = [] }: OsvAffected): string | undefined {
  const fixes = ranges.filter(({ type }) => type !== 'GIT').flatMap(({ events = [] }) => events.flatMap(({ fixed }) => fixed ?? []))
  return fixes.length === 0 ? undefined : [...new Set(fixes)].join(', ')
}
