import { readFile } from 'node:fs/promises'
import { fault } from './codes.ts'
import { program } from './program.ts'

/** The release of Debian that lab hosts run. */
export const SUITE = 'trixie'

/**
 * One-line apt entries for Debian 13 on the mirrors that this machine's apt uses for its own release. What `apt-get
 * update` would fetch is asked from apt itself: it understands every notation of sources, and needs no package lists to
 * be there yet. Throws E_LAB_SOURCES.
 */
export async function upstreamSources(): Promise<string[]> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? SUITE
  const uris = await program('apt-get', ['update', '--print-uris'])
  const sources = translate(uris, codename)
  if (sources.length > 0) return sources
  const found = [...uris.matchAll(/^'(\S+)\/InRelease'/gm)].map(([, uri]) => uri)
  throw fault('E_LAB_SOURCES', `the apt sources of this machine name no mirror of Debian ${codename}`, {
    expected: `an entry with suite ${codename} and component main`,
    found: found.join(', ') || 'no entry at all',
  })
}

/** `'http://mirror/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz' …` → `deb http://mirror/debian trixie-updates main` */
export function translate(uris: string, codename: string): string[] {
  const suites = new Map(['', '-updates', '-security'].map((pocket) => [codename + pocket, SUITE + pocket]))
  const sources = [...uris.matchAll(/^'(\S+)\/dists\/(\S+)\/main\/binary-amd64\/Packages/gm)].flatMap(([, mirror, suite = '']) =>
    suites.has(suite) ? [`deb ${mirror} ${suites.get(suite)} main`] : [],
  )
  return sources.some((source) => source.endsWith(` ${SUITE} main`)) ? [...new Set(sources)] : []
}
