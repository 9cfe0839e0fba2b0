import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { treeFaults } from '../../bundle/path.ts'
import type { Request, SourceKind } from '../sources/source.ts'
import type { MirrorSpec } from './definition.ts'
import type { RecordingLookup } from './recording.ts'

type Ecosystem = MirrorSpec['ecosystem']

/** The file of its own that each ecosystem says its needs with; a mirror names one as `list`. */
const LISTS: Readonly<Partial<Record<Ecosystem, string>>> = {
  apt: 'package names, one a line',
  rpm: 'package names, one a line',
  npm: 'package-lock.json',
  pypi: 'requirements.txt with hashes',
  go: 'go.mod, with go.sum beside it',
  maven: 'pom.xml',
  terraform: '.terraform.lock.hcl',
  galaxy: 'requirements.yml',
}

/** Files that belong to a list and are read with it. */
const BESIDE: Readonly<Partial<Record<SourceKind, string>>> = { go: 'go.sum' }

/** What a mirror of a definition asks of its source; undefined after `wrong` was told what is not right. */
export function mirrorRequest(spec: MirrorSpec, root: string, lookup: RecordingLookup, wrong: (why: string) => void): Request | undefined {
  const { ecosystem, packages, files, suites, list, repository } = spec
  if (suites !== undefined && ecosystem !== 'apt') wrong(`suites belong to apt, not to ${ecosystem}`)
  if (repository !== undefined && ecosystem !== 'rpm') wrong(`a repository belongs to rpm, not to ${ecosystem}`)
  if (ecosystem === 'file') return filesRequest(spec, root, lookup, wrong)
  if (files !== undefined) wrong(`files belong to the ecosystem file, not to ${ecosystem}`)
  if (list !== undefined && LISTS[ecosystem] === undefined) wrong(`${ecosystem} has no list: name packages`)
  if (packages === undefined && list === undefined) {
    wrong(`a mirror of ${ecosystem} needs packages${LISTS[ecosystem] === undefined ? '' : ` or a list (${LISTS[ecosystem]})`}`)
    return undefined
  }
  if (list !== undefined && !lookup.exists(join(root, list))) {
    wrong(`no such file: ${list}`)
    return undefined
  }
  if (ecosystem === 'rpm' && repository === undefined) {
    wrong('a mirror of rpm needs a repository')
    return undefined
  }
  for (const path of [...pathsOf(ecosystem, packages ?? []), ...(repository?.keys ?? [])])
    if (!lookup.exists(join(root, path))) wrong(`no such file: ${path}`)
  for (const item of packages ?? []) if (/:\/\/[^/@]*:[^/@]*@/.test(item)) wrong('an address holds a password: the client of the ecosystem has settings for it')
  const listed = list === undefined ? { items: [] } : listRequest(ecosystem, list, root, lookup)
  return {
    items: [...new Set([...(packages ?? []), ...listed.items])].toSorted(),
    purpose: 'mirror',
    ...(listed.list === undefined ? {} : { list: listed.list }),
    ...(repository === undefined ? {} : { repository: { name: spec.name, ...repository } }),
    ...(suites === undefined ? {} : { suites }),
  }
}

function filesRequest({ packages, files, list }: MirrorSpec, root: string, lookup: RecordingLookup, wrong: (why: string) => void): Request | undefined {
  if (packages !== undefined || list !== undefined) wrong('a mirror of files has files, not packages')
  if (files === undefined) wrong('a mirror of files needs files')
  for (const { from } of files ?? []) {
    if (!lookup.exists(join(root, from))) wrong(`no such file: ${from}`)
    else for (const why of lookup.unfit(join(root, from))) wrong(why)
  }
  for (const why of treeFaults((files ?? []).map(({ path }) => path))) wrong(why)
  const paths = Object.fromEntries((files ?? []).map(({ from, path }) => [from, path]))
  return files === undefined ? undefined : { items: files.map(({ from }) => from), purpose: 'mirror', paths }
}

/** Items that stand for files beside the definition, which are then part of it. A git repository is not: its commit is pinned. */
function pathsOf(ecosystem: Ecosystem, packages: readonly string[]): string[] {
  if (ecosystem === 'galaxy') return packages.filter((item) => item.includes('/') || item.endsWith('.tar.gz'))
  if (ecosystem === 'terraform') return packages.flatMap((item) => item.split('=').slice(1))
  return []
}

/** Names are items like any other; what only the ecosystem's client can read stays a file, held by its digest. */
function listRequest(ecosystem: Ecosystem, path: string, root: string, lookup: RecordingLookup): Pick<Request, 'items' | 'list'> {
  const text = readFileSync(lookup(join(root, path)))
  if (ecosystem === 'apt' || ecosystem === 'rpm')
    return { items: text.toString('utf8').split('\n').map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '') }
  const hash = createHash('sha256').update(text)
  const beside = BESIDE[ecosystem] === undefined ? undefined : join(root, dirname(path), BESIDE[ecosystem])
  if (beside !== undefined && lookup.exists(beside)) hash.update(readFileSync(lookup(beside)))
  return { items: [], list: { path, sha256: hash.digest('hex') } }
}
