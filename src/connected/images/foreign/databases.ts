import { debPurl } from '../../../evidence/component.ts'
import type { InstalledPackage } from '../../../evidence/image-bom.ts'
import { parseStanzas, type Stanza } from '../../sources/apt/stanza.ts'

/** Files of an image that say which package owns what. */
export const isDatabase = (path: string): boolean =>
  /^var\/lib\/dpkg\/(?:status|status\.d\/[^/]+|info\/[^/]+\.list)$/.test(path) || /^(?:usr\/)?lib\/apk\/db\/installed$/.test(path) || path === 'usr/lib/os-release'

/** The packages of an image by its own database: dpkg's, distroless' status.d, or apk's. rpm's is a database of another kind, and is not read. */
export function installedPackages(databases: ReadonlyMap<string, string>): InstalledPackage[] {
  const release = parseRelease(databases.get('usr/lib/os-release') ?? '')
  return [...dpkgPackages(databases, release), ...apkPackages(databases.get('usr/lib/apk/db/installed') ?? databases.get('lib/apk/db/installed') ?? '')]
    .sort((a, b) => (a.purl < b.purl ? -1 : 1))
}

function parseRelease(text: string): string {
  const value = (name: string): string | undefined => new RegExp(`^${name}="?([A-Za-z0-9._-]+)"?$`, 'm').exec(text)?.[1]
  return [value('ID') ?? 'debian', value('VERSION_ID')].filter((part) => part !== undefined).join('-')
}

function dpkgPackages(databases: ReadonlyMap<string, string>, release: string): InstalledPackage[] {
  const found: InstalledPackage[] = []
  const take = (stanza: Stanza, files: readonly string[]): void => {
    const [name, version, architecture] = ['package', 'version', 'architecture'].map((field) => stanza.get(field))
    if (name === undefined || version === undefined) return
    const source = stanza.get('source') ?? name
    found.push({
      name,
      version,
      purl: debPurl(name, version, architecture ?? 'all', release),
      licences: [],
      source: source.includes('(') ? source : `${source} (${version})`,
      files,
    })
  }
  for (const stanza of parseStanzas(databases.get('var/lib/dpkg/status') ?? '')) {
    if (!stanza.get('status')?.endsWith(' installed')) continue
    const name = stanza.get('package') ?? ''
    const lists = [`${name}.list`, `${name}:${stanza.get('architecture')}.list`].map((list) => `var/lib/dpkg/info/${list}`)
    const list = lists.find((path) => databases.has(path))
    const owned = (databases.get(list ?? '') ?? '').split('\n').flatMap((line) => (line.startsWith('/') && line !== '/.' ? [line.slice(1)] : []))
    take(stanza, owned)
  }
  for (const [path, text] of databases) {
    if (!path.startsWith('var/lib/dpkg/status.d/') || path.endsWith('.md5sums')) continue
    const sums = databases.get(`${path}.md5sums`) ?? ''
    const owned = sums.split('\n').flatMap((line) => /^[0-9a-f]{32} [ *](.+)$/.exec(line)?.[1] ?? [])
    for (const stanza of parseStanzas(text)) take(stanza, [path, ...(databases.has(`${path}.md5sums`) ? [`${path}.md5sums`] : []), ...owned])
  }
  return found
}

/** apk's installed database: records of `P:` name, `V:` version, `F:` folder and `R:` file lines. */
function apkPackages(text: string): InstalledPackage[] {
  return text.split(/\n{2,}/).flatMap((record) => {
    const lines = record.split('\n').map((line) => [line.slice(0, 1), line.slice(2)] as const)
    const value = (letter: string): string | undefined => lines.find(([key]) => key === letter)?.[1]
    const [name, version, architecture] = ['P', 'V', 'A'].map(value)
    if (name === undefined || version === undefined) return []
    const files: string[] = []
    let folder = ''
    for (const [key, rest] of lines) {
      if (key === 'F') folder = rest
      if (key === 'R') files.push(folder === '' ? rest : `${folder}/${rest}`)
    }
    const licence = value('L')
    const purl = `pkg:apk/alpine/${name}@${encodeURIComponent(version)}${architecture === undefined ? '' : `?arch=${architecture}`}`
    return [{ name, version, purl, licences: licence === undefined ? [] : [licence], files }]
  })
}
