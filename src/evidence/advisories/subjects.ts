import type { Packages } from '../packages.ts'
import { claimName } from './claim.ts'

/** A package of a bundle, by the name and version that advisories know it by. */
export interface Subject {
  /** `deb busybox`: what claims are found under. */
  readonly claimed: string
  readonly version: string
  /** `deb busybox-static` */
  readonly package: string
  readonly packageVersion: string
  readonly purl: string
  readonly places: readonly string[]
}

/** Debian's advisories name source packages and their versions; Go's name the standard library, which the toolchain brings. */
export function subjectsOf(packages: Packages): Subject[] {
  return [...packages].flatMap(([name, versions]) =>
    versions.flatMap(({ version, purl, source, places }): Subject[] => {
      const [type = '', rest = ''] = name.split(/ (.*)/s)
      const about = { package: name, packageVersion: version, purl, places }
      if (type === 'deb') {
        const [, from = rest, built = version] = /^(\S+) \(([^)]+)\)$/.exec(source ?? '') ?? []
        return [{ claimed: claimName('deb', from), version: built, ...about }]
      }
      const named = type === 'maven' ? rest.replace(/\/(?=[^/]*$)/, ':') : rest
      const toolchain = type === 'golang' && rest === 'golang.org/toolchain' ? /-go(\d[\w.]*?)\.[a-z]+-\w+$/.exec(version)?.[1] : undefined
      const own = { claimed: claimName(type, named), version, ...about }
      return toolchain === undefined ? [own] : ['stdlib', 'toolchain'].map((part) => ({ ...about, claimed: claimName('golang', part), version: toolchain }))
    }),
  )
}
