import { readFile } from 'node:fs/promises'
import { fault } from './codes.ts'
import { program } from './program.ts'

/** The release of Debian that lab hosts run. */
export const SUITE = 'trixie'

/**
 * One-line apt entries for Debian 13 on the mirrors that this machine's apt uses for its own release, asked from apt
 * itself so that every notation of sources is understood. Throws E_LAB_SOURCES.
 */
export async function upstreamSources(): Promise<string[]> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? SUITE
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = await program('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const sources = translate(targets, codename)
  if (sources.length > 0) return sources
  throw fault('E_LAB_SOURCES', `the apt sources of this machine name no mirror of Debian ${codename}`, {
    expected: `an entry with suite ${codename} and component main`,
    found: targets.trim() || 'no entry at all',
  })
}

/** `http://mirror/debian/ bookworm-updates main` → `deb http://mirror/debian/ trixie-updates main` */
export function translate(targets: string, codename: string): string[] {
  const suites = new Map(['', '-updates', '-security'].map((pocket) => [codename + pocket, SUITE + pocket]))
  const sources = targets.split('\n').flatMap((line) => {
    const [uri, release = '', component] = line.split(' ')
    const suite = suites.get(release.replace(/\/$/, ''))
    return suite !== undefined && component === 'main' ? [`deb ${uri} ${suite} main`] : []
  })
  return sources.some((source) => source.endsWith(` ${SUITE} main`)) ? [...new Set(sources)] : []
}
