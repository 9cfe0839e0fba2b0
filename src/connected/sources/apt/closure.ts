import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { lastWords, type ClientResult } from '../client.ts'
import type { Item } from '../source.ts'
import type { AptClient } from './client.ts'
import { parseStanzas, type Stanza } from './stanza.ts'

export interface ClosureRequest {
  readonly packages: readonly string[]
  readonly without: readonly string[]
  readonly folder: string
}

/**
 * The named packages and everything they depend on, as apt itself resolves them against a root where nothing is
 * installed: Depends and Pre-Depends, no Recommends; essential packages only where something depends on them.
 * `without` packages are shown to apt as installed, so that what only they need does not come either.
 */
export async function closure(client: AptClient, request: ClosureRequest): Promise<Item[]> {
  const pretended = await candidates(client, request.without)
  const run = crypto.randomUUID()
  const status = join(request.folder, `status-${run}`)
  const pins = join(request.folder, `preferences-${run}`)
  await writeFile(status, pretended.map(asInstalled).join('\n'))
  await writeFile(pins, pretended.map(asPinned).join('\n'))
  const result = await client.run('apt-get', [
    'install',
    '-q',
    '--yes',
    '--print-uris',
    '-o',
    `Dir::State::status=${status}`,
    '-o',
    `Dir::Etc::preferences=${pins}`,
    ...request.packages,
  ])
  if (!result.ok) throw closureFault(result)
  const chosen = parseUris(result.stdout)
  const stanzas = await show(
    client,
    chosen.map(({ name, version }) => `${name}=${version}`),
  )
  return chosen
    .map(({ name, version, uri }) => {
      const stanza = stanzas.find((one) => one.get('package') === name && one.get('version') === version)
      if (stanza === undefined)
        throw fault('E_UPSTREAM_MISSING', `The Debian index has no entry for ${name} ${version}.`)
      return toItem(stanza, suiteOf(client, uri))
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

function closureFault(result: ClientResult): Error {
  const { stdout, stderr } = result
  const missing = [
    ...stderr.matchAll(
      /(?:Unable to locate package|Couldn't find any package by regex) '?([^\s']+)'?|Package '?([^\s']+)'? has no installation candidate/g,
    ),
  ]
  const names = [...new Set(missing.map((match) => match[1] ?? match[2] ?? ''))].sort()
  if (names.length > 0)
    return fault(
      'E_UPSTREAM_MISSING',
      `Debian has no package of ${names.length === 1 ? 'this name' : 'these names'}.`,
      {
        expected: 'packages of Debian main in the suites of the definition',
        faults: names.map((name) => `apt: no package ${name}`),
      },
    )
  return fault('E_UNSATISFIABLE', 'apt cannot satisfy the dependencies of the packages together.', {
    faults: lastWords({ ...result, stderr: `${stdout}\n${stderr}` }, 40),
  })
}

/** Lines `'URI' name_version_arch.deb size digest`, where `:` of an epoch is written %3a. */
function parseUris(text: string): { name: string; version: string; uri: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^'([^']+)' ([^_\s]+)_([^_\s]+)_[^_\s]+\.deb /.exec(line)
    if (match === null) return []
    return [
      {
        uri: match[1] ?? '',
        name: match[2] ?? '',
        version: decodeURIComponent((match[3] ?? '').replaceAll('+', '%2B')),
      },
    ]
  })
}

/** Any suite of the archive that a URI lies in: enough to find the archive again when fetching. */
function suiteOf(client: AptClient, uri: string): string {
  const archive = client.archives
    .filter((one) => uri.startsWith(one.uri))
    .sort((a, b) => b.uri.length - a.uri.length)[0]
  return archive?.suites[0] ?? ''
}

async function show(client: AptClient, names: readonly string[]): Promise<Stanza[]> {
  if (names.length === 0) return []
  const result = await client.run('apt-cache', ['show', '--no-all-versions', ...names])
  return parseStanzas(result.stdout)
}

/** What apt would install of each name; names that Debian does not have are left out, since nothing can pull them in. */
async function candidates(client: AptClient, names: readonly string[]): Promise<Stanza[]> {
  const wanted = new Set(names)
  return (await show(client, names)).filter((stanza) => wanted.has(stanza.get('package') ?? ''))
}

const CARRIED = ['Package', 'Version', 'Architecture', 'Multi-Arch', 'Provides'] as const

function asInstalled(stanza: Stanza): string {
  const fields = CARRIED.flatMap((field) => {
    const value = stanza.get(field.toLowerCase())
    return value === undefined ? [] : [`${field}: ${value}`]
  })
  return [
    ...fields,
    'Status: install ok installed',
    'Maintainer: none <none@invalid>',
    'Description: left out',
    '',
  ].join('\n')
}

/** Without the pin apt would upgrade it to the archive's, which differs, with other packages of the same source. */
function asPinned(stanza: Stanza): string {
  return `Package: ${stanza.get('package') ?? ''}\nPin: release a=now\nPin-Priority: 1001\n`
}

function toItem(stanza: Stanza, suite: string): Item {
  const source = stanza.get('source')
  return {
    kind: 'apt',
    name: stanza.get('package') ?? '',
    version: stanza.get('version') ?? '',
    path: stanza.get('filename') ?? '',
    upstream: `sha256:${stanza.get('sha256') ?? ''}`,
    size: Number(stanza.get('size')),
    attributes: { suite, ...(source === undefined ? {} : { source }) },
  }
}
