import file from '../../ansible/group_vars/all/services.json' with { type: 'json' }
import type { Statement } from '../bundle/statement.ts'
import { placeRoles } from '../enclave/site/profile.ts'
import type { Role } from '../enclave/site/site.ts'

const SERVICES = Object.entries(file.services) as [string, { readonly role?: string; readonly image?: string }][]

/** The image that a role's first service runs; undefined for a role without one. */
function imageOf(role: Role): string | undefined {
  return SERVICES.find(([, service]) => service.role === role)?.[1].image
}

/**
 * Which roles a release is tried with: those of the profile `standard` whose images it brings. `roles` is undefined when
 * that is all of them, so that the profile itself is tried.
 */
export function placeOf(statement: Statement, hosts: number): { readonly roles: readonly Role[][] | undefined; readonly all: readonly Role[] } {
  const has = (role: Role): boolean => {
    const image = imageOf(role)
    return image === undefined || statement.images.some(({ name }) => name === image)
  }
  const { roles } = placeRoles('standard', hosts)
  const kept = roles.map((some) => some.filter(has))
  const all = [...new Set(kept.flat())]
  return { roles: kept.flat().length === roles.flat().length ? undefined : kept, all }
}
