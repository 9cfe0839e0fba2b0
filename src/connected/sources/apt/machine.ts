import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fault } from '../../codes.ts'
import { runClient } from '../client.ts'

/** One upstream archive and the suites taken from it. */
export interface Archive {
  /** As the machine's own apt sources write it, with a trailing slash. */
  readonly uri: string
  readonly suites: readonly string[]
}

const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.pgp', '/usr/share/keyrings/debian-archive-keyring.gpg']

/** Debian's own archive keys, as the package debian-archive-keyring of this machine has them. */
export function archiveKeyring(): string {
  const found = KEYRINGS.find((path) => existsSync(path))
  if (found === undefined)
    throw fault('E_CLIENT_MISSING', 'Debian’s archive keys are not on this machine.', {
      expected: KEYRINGS.join(' or '),
      found: 'neither file',
      next: 'apt-get install debian-archive-keyring',
    })
  return found
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

/**
 * Where this machine gets each kind of Debian suite from, by suffix of the suite's name (`''`, `-updates`, `-security`):
 * read from its apt sources, whatever file or format they stand in. Third-party sources have other suite names.
 */
async function machineArchives({ env, signal }: Surroundings): Promise<Map<string, string>> {
  const release = await readFile('/etc/os-release', 'utf8')
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1] ?? 'stable'
  // What an update would fetch: unlike indextargets it answers before any list was downloaded.
  const listed = await runClient('apt-get', ['update', '--print-uris'], { env, signal, debian: 'apt' })
  const bySuffix = new Map<string, string>()
  for (const [, uri = '', suite = ''] of listed.stdout.matchAll(/^'(\S+)\/dists\/(\S+)\/main\/binary-/gm)) {
    for (const base of [codename, 'stable'])
      if (suite === base || suite.startsWith(`${base}-`)) {
        const suffix = suite.slice(base.length)
        if (!bySuffix.has(suffix)) bySuffix.set(suffix, `${uri}/`)
      }
  }
  return bySuffix
}

/** The machine's archives with the suites of another Debian release in place of its own. Throws E_CLIENT_UNCONFIGURED. */
export async function archivesFor(suites: readonly string[], around: Surroundings): Promise<Archive[]> {
  const known = await machineArchives(around)
  const byUri = new Map<string, string[]>()
  const unknown: string[] = []
  for (const suite of suites) {
    const suffix = /-(?:updates|security|backports|proposed-updates)$/.exec(suite)?.[0] ?? ''
    const uri = known.get(suffix) ?? (suffix === '-security' ? undefined : known.get(''))
    if (uri === undefined) unknown.push(suite)
    else byUri.set(uri, [...(byUri.get(uri) ?? []), suite])
  }
  if (unknown.length > 0)
    throw fault('E_CLIENT_UNCONFIGURED', 'The apt sources of this machine do not say where some Debian suites are.', {
      expected: 'a Debian archive (component main) for each suite in /etc/apt/sources.list or /etc/apt/sources.list.d',
      found: `sources for: ${[...known.keys()].map((suffix) => `(release)${suffix}`).join(', ') || 'none'}`,
      faults: unknown.map((suite) => `no source for ${suite}`),
    })
  return [...byUri].map(([uri, list]) => ({ uri, suites: list }))
}

/**
 * Transport settings an administrator gave apt (proxies, client certificates, CA files, where logins stand), as configuration lines.
 * Settings that switch a check off do not come along.
 */
export async function transportSettings({ env, signal }: Surroundings): Promise<string[]> {
  const dump = await runClient('apt-config', ['dump'], { env, signal, debian: 'apt' })
  return dump.stdout
    .split('\n')
    .filter((line) => /^(?:Acquire::(?:https?|Retries|ForceIPv[46])|Dir::Etc::netrc(?:parts)?)\b/.test(line))
    .filter((line) => !/Verify-(?:Peer|Host)|AllowInsecure|AllowWeak/i.test(line))
}
