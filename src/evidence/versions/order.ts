import { compare as comparePython, valid as validPython } from '@renovatebot/pep440'
import semver from 'semver'
import { compareDebian } from './debian.ts'
import { compareMaven } from './maven.ts'

/** Negative when `a` is older than `b`; undefined when one of them is no version of the ecosystem. */
export type Order = (a: string, b: string) => number | undefined

/** Go writes `v1.2.3` and `+incompatible`, its own releases `go1.26.1`; OSV writes neither. */
const bare = (version: string): string => version.replace(/^(?:v|go)(?=\d)/, '')

const semantic: Order = (a, b) => {
  const [left, right] = [semver.parse(bare(a), { loose: true }), semver.parse(bare(b), { loose: true })]
  return left === null || right === null ? undefined : semver.compare(left, right)
}

/** By the purl type of a package. Types that are absent are not compared: nothing is said about them. */
export const ORDERS: Readonly<Record<string, Order>> = {
  deb: compareDebian,
  npm: semantic,
  golang: semantic,
  maven: compareMaven,
  pypi: (a, b) => (validPython(a) === null || validPython(b) === null ? undefined : comparePython(a, b)),
}
