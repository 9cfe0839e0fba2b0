import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { command, lastLines } from '../engine/command.ts'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { aptSuites, type Suite } from './layout-release.ts'

const SOURCE = 'sallyport.sources'
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']
const DAY_SECONDS = 86_400
const INSTALL_TIMEOUT_MS = 10_000
const APT_TIMEOUT_MS = 30 * 60_000

/** Called with each line that apt prints. */
type OnLine = (line: string) => void

export interface AptSource {
  /** `file:/var/lib/sallyport/current/apt` or `https://depot.…/apt`. */
  readonly uri: string
  readonly stretchDays: number
  readonly keyring: string
}

/** The deb822 source (sources.list(5)): Debian's own signature is checked, and its expiry stretched by a stated bound. */
export function sourceText(suites: readonly Suite[], source: AptSource): string {
  return suites
    .map(({ suite, components }) =>
      [
        'Types: deb',
        `URIs: ${source.uri}`,
        `Suites: ${suite}`,
        `Components: ${components.join(' ')}`,
        'Languages: none',
        ...(source.stretchDays > 0 ? [`Valid-Until-Min: ${source.stretchDays * DAY_SECONDS}`] : []),
        `Signed-By: ${source.keyring}`,
        '',
      ].join('\n'),
    )
    .join('\n')
}

/** Makes the release's apt mirror the only source of the depot. */
export async function useSource(paths: HostPaths, release: string, uri: string, stretchDays: number): Promise<void> {
  await writeSource(paths, await aptSuites(release), uri, stretchDays)
}

/** Makes a mirror with these suites the only source of this host. Other sources are set aside, not deleted. */
export async function writeSource(paths: HostPaths, suites: readonly Suite[], uri: string, stretchDays: number): Promise<void> {
  const keyring = await firstPresent(KEYRINGS)
  if (!keyring) throw fault('E_APT', 'Debian’s archive keyring is not on the host', { expected: KEYRINGS.join(' or '), found: 'neither' })
  await setOthersAside(paths)
  await writeDurably(join(paths.aptSources, SOURCE), sourceText(suites, { uri, stretchDays, keyring }))
}

/**
 * The organisation's root, for the depot alone, and the host's own certificate, by which the depot knows it: no other
 * check of apt is touched. apt fetches as its own user, which gets a copy; the role host_base keeps it up.
 */
export async function trustDepot(paths: HostPaths, domain: string, log: string): Promise<void> {
  const depot = `Acquire::https::depot.${domain}`
  const lines = [`CAInfo "${paths.pki}/ca.pem"`, `SslCert "${paths.aptKeys}/cert.pem"`, `SslKey "${paths.aptKeys}/key.pem"`]
  await mkdir(paths.aptKeys, { recursive: true, mode: 0o755 })
  for (const name of ['key.pem', 'cert.pem']) {
    const { code, tail } = await command(
      '/usr/bin/install',
      ['-o', '_apt', '-g', 'root', '-m', '0400', join(paths.pki, 'host', name), join(paths.aptKeys, name)],
      { log, timeoutMs: INSTALL_TIMEOUT_MS },
    )
    if (code !== 0) throw fault('E_APT', `the host’s ${name} cannot be given to apt`, { faults: lastLines(tail, 5) })
  }
  await writeDurably(join(paths.aptConfig, '80sallyport'), lines.map((line) => `${depot}::${line};\n`).join(''))
}

/** `Error-Mode=any`: without it apt-get update answers 0 although an index could not be fetched. */
export async function update(log: string, onLine?: OnLine): Promise<void> {
  await apt(['-o', 'APT::Update::Error-Mode=any', 'update'], log, onLine)
}

export async function installPackages(packages: readonly string[], log: string, onLine?: OnLine): Promise<void> {
  await apt(['-y', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', 'install', ...packages], log, onLine)
}

async function apt(args: readonly string[], log: string, onLine: OnLine = () => {}): Promise<void> {
  const { code, tail } = await command('/usr/bin/apt-get', args, { log, timeoutMs: APT_TIMEOUT_MS, onLine })
  if (code === 0) return
  const lines = lastLines(tail, 200).filter((line) => /^(E|W|Err)[: ]/.test(line))
  throw fault('E_APT', `apt-get ${args.at(args.includes('install') ? args.indexOf('install') : -1)} ended with ${code}`, {
    faults: lines.length > 0 ? lines.slice(-20) : lastLines(tail, 10),
    found: `the whole output: ${log}`,
  })
}

async function setOthersAside(paths: HostPaths): Promise<void> {
  const aside = async (path: string): Promise<void> => rename(path, `${path}.set-aside-by-sallyport`)
  const list = await stat(paths.aptMain).catch(() => undefined)
  if (list?.isFile()) await aside(paths.aptMain)
  const names = await readdir(paths.aptSources).catch(() => [])
  for (const name of names) if (/\.(list|sources)$/.test(name) && name !== SOURCE) await aside(join(paths.aptSources, name))
}

async function firstPresent(candidates: readonly string[]): Promise<string | undefined> {
  for (const path of candidates) if (await stat(path).catch(() => undefined)) return path
  return undefined
}
