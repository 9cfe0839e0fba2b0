import file from '../../../ansible/profiles.json' with { type: 'json' }
import { fault } from '../codes.ts'
import type { Role, Site } from './site.ts'

export const PROFILES = ['lite', 'standard', 'scale'] as const satisfies (keyof typeof file)[]
export type Profile = (typeof PROFILES)[number]

interface Placement {
  readonly title: string
  readonly hosts: { readonly least: number; readonly most: number }
  readonly objectStore: string
  /** Roles of every host. */
  readonly everywhere: readonly string[]
  /** Roles of each host in order, by the number of hosts; `more` for those beyond the largest number. */
  readonly placement: Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>
}

/** Roles of each of `count` hosts, the depot first, and the object store. Throws E_SITE_PROFILE when the profile is not for so many. */
export function placeRoles(profile: Profile, count: number): { roles: Role[][]; objectStore: NonNullable<Site['objectStore']> } {
  const { title, hosts, objectStore, everywhere, placement }: Placement = file[profile]
  if (count < hosts.least || count > hosts.most)
    throw fault('E_SITE_PROFILE', `the profile ${profile} is not for ${count} host(s)`, {
      expected: hosts.least === hosts.most ? `${hosts.least} host(s): ${title}` : `${hosts.least} to ${hosts.most} hosts: ${title}`,
      found: `${count}`,
    })
  const { more = [], ...numbered } = placement
  const largest = Math.max(...Object.keys(numbered).map(Number).filter((number) => number <= count))
  const placed = numbered[largest] as readonly (readonly string[])[]
  const roles = Array.from({ length: count }, (_, at) => [...((placed[at] ?? more) as readonly string[]), ...everywhere] as Role[])
  return { roles, objectStore: objectStore as NonNullable<Site['objectStore']> }
}

/** One line a profile, for the help of the command. */
export function describeProfiles(): string {
  return PROFILES.map((name) => `${name} (${range(file[name].hosts)})`).join(', ')
}

function range({ least, most }: Placement['hosts']): string {
  return least === most ? `${least} host` : `${least} to ${most} hosts`
}
