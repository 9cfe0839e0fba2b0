import type { Packages, PackageVersion } from '../packages.ts'
import { changesOf, type Changes } from './changes.ts'

export interface PackageState {
  /** `deb busybox` */
  readonly name: string
  readonly versions: readonly PackageVersion[]
}

/** A package changes when its versions do, when other bytes carry the same version, or when it is somewhere else. */
export function packageChanges(before: Packages, after: Packages): Changes<PackageState> {
  return changesOf(states(before), states(after), (a, b) => JSON.stringify(a.versions.map(told)) === JSON.stringify(b.versions.map(told)))
}

function states(packages: Packages): Map<string, PackageState> {
  return new Map([...packages].map(([name, versions]) => [name, { name, versions }]))
}

function told({ version, places, sha512 }: PackageVersion): unknown {
  return [version, places, sha512]
}
