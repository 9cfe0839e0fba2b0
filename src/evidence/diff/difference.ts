import type { Bundle } from '../../bundle/bundle.ts'
import { packagesOf } from '../packages.ts'
import { advisoryChanges, type AdvisoryChanges } from './advisories.ts'
import { changesOf, sameJson, type Changes } from './changes.ts'
import { imageChanges, type ImageState } from './images.ts'
import { infrastructureChanges, type InfrastructureChanges } from './infrastructure.ts'
import { packageChanges, type PackageState } from './packages.ts'

/** Which bundle one side is. */
export interface Side {
  readonly name: string
  readonly version: string
  readonly kind: string
  readonly sequence: number
  readonly created: string
  /** sha512 of bundle.json. */
  readonly digest: string
  readonly signers: readonly string[]
}

/** A member of bundle.json that a person decided: marking, targets, upgrade paths. */
export interface Statement {
  readonly member: string
  readonly value: string
}

/** Everything that differs between two accepted bundles. */
export interface Difference extends InfrastructureChanges {
  readonly before: Side
  readonly after: Side
  readonly statements: Changes<Statement>
  readonly packages: Changes<PackageState>
  readonly images: Changes<ImageState>
  readonly mirrors: Changes<{ readonly name: string; readonly ecosystem: string; readonly tree: string }>
  readonly installer: Changes<{ readonly sha512: string }>
  /** Absent when no data on vulnerabilities is at hand. */
  readonly advisories?: AdvisoryChanges
}

/**
 * All bundles must have been verified: what is read here is checked against their digests again. `extra` carries newer
 * advisories than `after`.
 * @throws E_EVIDENCE_ABSENT, E_EVIDENCE_INVALID and those of reading a bundle
 */
export async function difference(before: Bundle, after: Bundle, extra?: Bundle): Promise<Difference> {
  const advisories = await advisoryChanges(before, after, extra)
  return {
    before: sideOf(before),
    after: sideOf(after),
    statements: changesOf(statements(before), statements(after), (a, b) => a.value === b.value),
    packages: packageChanges(await packagesOf(before), await packagesOf(after)),
    images: await imageChanges(before, after),
    mirrors: changesOf(mirrors(before), mirrors(after), sameJson),
    installer: changesOf(installer(before), installer(after), sameJson),
    ...(await infrastructureChanges(before, after)),
    ...(advisories === undefined ? {} : { advisories }),
  }
}

function sideOf({ statement, digest, signers }: Bundle): Side {
  const { name, version, kind, sequence, created } = statement
  return { name, version, kind, sequence, created, digest, signers: signers.map(({ person }) => person) }
}

function statements({ statement }: Bundle): Map<string, Statement> {
  const { marking, targets, upgradesFrom, critical } = statement
  const list: [string, string][] = [
    ['marking', [marking.level, ...marking.categories, ...marking.releasability.map((to) => `REL ${to}`), `${marking.policy} version ${marking.policyVersion}`].join(' / ')],
    ['for', targets.map(({ os, release, architecture }) => `${os} ${release} ${architecture}`).join(', ')],
    ['upgrades from', upgradesFrom.map(({ name, minSequence, maxSequence }) => `${name} sequence ${minSequence} to ${maxSequence}`).join(', ')],
    ['critical', critical.join(', ')],
  ]
  return new Map(list.filter(([, value]) => value !== '').map(([member, value]) => [member, { member, value }]))
}

function mirrors({ statement }: Bundle): Map<string, { name: string; ecosystem: string; tree: string }> {
  return new Map(statement.mirrors.map(({ name, ecosystem, tree }) => [name, { name, ecosystem, tree: tree.sha256 }]))
}

function installer({ statement }: Bundle): Map<string, { sha512: string }> {
  return new Map(statement.installer === null ? [] : [['installer', { sha512: statement.installer.sha512 }]])
}
