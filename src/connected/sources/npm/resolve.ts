import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, type ClientResult } from '../client.ts'
import { rounds } from '../rounds.ts'
import type { Item, Target } from '../source.ts'
import { tarballPath } from './tree.ts'

export type Npm = (args: readonly string[], cwd: string) => Promise<ClientResult>

/** `sha512-<base64>` (Subresource Integrity) as `sha512:<hex>`; the strongest when there are several. */
function digestOf(integrity: string | undefined, shasum: string | undefined): string {
  const all = (integrity ?? '').split(/\s+/).filter(Boolean)
  for (const algorithm of ['sha512', 'sha384', 'sha256', 'sha1']) {
    const one = all.find((value) => value.startsWith(`${algorithm}-`))
    if (one !== undefined)
      return `${algorithm}:${Buffer.from(one.slice(algorithm.length + 1), 'base64').toString('hex')}`
  }
  return `sha1:${shasum ?? ''}`
}

function toItem(name: string, version: string, upstream: string): Item {
  return { kind: 'npm', name, version, path: tarballPath(name, version), upstream }
}

interface Viewed {
  readonly name: string
  readonly version: string
  readonly dist: { readonly integrity?: string; readonly shasum?: string }
}

/** What the registry says of `name@version`; undefined when it has no such version. A range or tag is not exact. */
export async function view(npm: Npm, folder: string, item: string): Promise<Item | undefined> {
  const result = await npm(['view', item, 'name', 'version', 'dist', '--json'], folder)
  if (!result.ok) {
    if (/E404|ETARGET/.test(`${result.stdout}${result.stderr}`)) return undefined
    throw clientFault('npm', result, () =>
      fault('E_UPSTREAM_UNREACHABLE', `npm could not look up ${item}.`, { faults: lastWords(result) }),
    )
  }
  if (result.stdout.trim() === '') return undefined
  const seen = JSON.parse(result.stdout) as Viewed | Viewed[]
  if (Array.isArray(seen) || `${seen.name}@${seen.version}` !== item) return undefined
  return toItem(seen.name, seen.version, digestOf(seen.dist.integrity, seen.dist.shasum))
}

interface Locked {
  readonly name?: string
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

const CPU: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' }

/** npm's own rule for `os`, `cpu` and `libc` (package.json): a list of names, or of names with `!`. */
function allows(list: readonly string[] | undefined, own: string): boolean {
  if (list === undefined || list.length === 0) return true
  if (list.includes(`!${own}`)) return false
  return list.includes(own) || list.includes('any') || list.every((name) => name.startsWith('!'))
}

interface Lock {
  readonly packages?: Readonly<Record<string, Locked>>
}

/** What a package-lock.json has installed on the target (docs.npmjs.com, package-lock.json, `packages`). */
function packagesOf({ packages = {} }: Lock, target: Target): { item: Item; entry: Locked }[] {
  return Object.entries(packages).flatMap(([where, entry]) => {
    if (where === '' || entry.link === true || entry.inBundle === true || entry.version === undefined) return []
    if (!where.includes('node_modules/')) return []
    if (!allows(entry.os, 'linux') || !allows(entry.cpu, CPU[target.architecture] ?? target.architecture) || !allows(entry.libc, 'glibc')) return []
    const name = entry.name ?? where.slice(where.lastIndexOf('node_modules/') + 'node_modules/'.length)
    return [{ item: toItem(name, entry.version, digestOf(entry.integrity, undefined)), entry }]
  })
}

/** Everything that a project's own package-lock.json pins for the target, with its integrity values. Nothing is resolved again. */
export async function lockedPackages(file: string, said: string, target: Target): Promise<Item[]> {
  const lock = JSON.parse(await readFile(file, 'utf8')) as Lock
  const found = packagesOf(lock, target)
  const wrong = [
    ...(lock.packages === undefined ? [`npm: ${said}: lockfileVersion 2 or 3 is needed`] : []),
    ...found.flatMap(({ item, entry }) => {
      if (entry.resolved !== undefined && !/^https?:/.test(entry.resolved)) return [`npm: ${item.name}@${item.version} does not come from a registry: ${entry.resolved}`]
      return entry.integrity === undefined ? [`npm: ${item.name}@${item.version} has no integrity`] : []
    }),
  ]
  if (wrong.length > 0) throw fault('E_UPSTREAM_MISSING', `${said} names packages that cannot be carried from a registry.`, { faults: wrong })
  return [...new Map(found.map(({ item }) => [item.path, item])).values()]
}

/** The packages and all they depend on for the target's platform, as npm itself resolves them. */
export async function lockTree(npm: Npm, folder: string, named: readonly Item[], target: Target): Promise<Item[]> {
  await mkdir(folder, { recursive: true })
  const byKey = new Map<string, Item>(named.map((item) => [`${item.name}@${item.version}`, item]))
  for (const round of rounds(named, (item) => item.name)) {
    const dependencies = Object.fromEntries(round.map((item) => [item.name, item.version]))
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'mirror', version: '0.0.0', private: true, dependencies }),
    )
    const result = await npm(['install', '--package-lock-only', '--package-lock=true'], folder)
    if (!result.ok)
      throw clientFault('npm', result, () =>
        fault('E_UNSATISFIABLE', 'npm cannot resolve the packages together.', { faults: lastWords(result, 20) }),
      )
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as Lock
    for (const { item } of packagesOf(lock, target)) byKey.set(`${item.name}@${item.version}`, item)
  }
  return [...byKey.values()]
}
