import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha512 } from '../../bundle/digest.ts'
import type { ContentStore } from '../../bundle/store.ts'
import type { LockedItem } from '../sources/source.ts'
import { inTurns } from '../sources/turns.ts'
import { debianLicences } from './debian.ts'
import { tarMember, zipMember } from './members.ts'

/** Changes whenever the same bytes would be read otherwise. */
const FORMAT = 1
/** Packages opened at a time: each keeps a core busy. */
const AT_A_TIME = 2

/** What each kind states about itself in its own bytes. Kinds that are absent state nothing that a program can read. */
const READERS: Readonly<Record<string, (item: LockedItem, store: ContentStore) => Promise<string[]>>> = {
  apt: (item, store) => debianLicences(store.pathOf(item.sha256)),
  npm: async ({ sha256 }, store) => npmLicences(await tarMember(store.read(sha256), (path) => /^[^/]+\/package\.json$/.test(path))),
  pypi: async ({ sha256, path }, store) =>
    pythonLicences(
      path.endsWith('.whl')
        ? await zipMember(store.pathOf(sha256), (name) => /^[^/]+\.dist-info\/METADATA$/.test(name))
        : await tarMember(store.read(sha256), (name) => /^[^/]+\/PKG-INFO$/.test(name)),
    ),
  maven: async ({ sha256, path, name }, store) => {
    if (path.endsWith('.pom')) return mavenLicences((await store.bytes(sha256, 4 << 20)).toString('utf8'))
    if (!/\.(jar|war)$/.test(path)) return []
    const own = `META-INF/maven/${name.replace(':', '/')}/pom.xml`
    return mavenLicences(await zipMember(store.pathOf(sha256), (member) => member === own))
  },
}

/** Licences of every item, by its sha256; read once for each item and store. An archive that cannot be read states none. */
export async function statedLicences(items: readonly LockedItem[], store: ContentStore): Promise<Map<string, readonly string[]>> {
  const stated = new Map<string, readonly string[]>()
  await inTurns(items, AT_A_TIME, async (item) => {
    const read = READERS[item.kind]
    if (read === undefined) return
    const key = `licences-${FORMAT}-${item.kind}-${item.sha256}`
    stated.set(item.sha256, await kept(store, key, () => read(item, store).catch(() => [])))
  })
  // A jar that states nothing has its POM beside it in a mirror.
  for (const item of items.filter(({ kind, path }) => kind === 'maven' && !path.endsWith('.pom'))) {
    if ((stated.get(item.sha256)?.length ?? 0) > 0) continue
    const pom = items.find((one) => one.kind === 'maven' && one.name === item.name && one.version === item.version && one.path.endsWith('.pom'))
    if (pom !== undefined) stated.set(item.sha256, stated.get(pom.sha256) ?? [])
  }
  return stated
}

/** Read once and noted in the store's `made` folder with a digest: a note that a crash or a disk spoilt is made again. Unflushed, as hundreds of flushes would cost more than reading. */
async function kept(store: ContentStore, key: string, read: () => Promise<string[]>): Promise<string[]> {
  const file = join(store.directory, 'made', `${key}.json`)
  const note = await readFile(file, 'utf8').catch(() => '')
  const [digest, text = ''] = note.split('\n')
  if (digest === sha512(Buffer.from(text))) return JSON.parse(text) as string[]
  const found = await read()
  const own = JSON.stringify(found)
  const temporary = `${file}.${process.pid}`
  await mkdir(dirname(file), { recursive: true })
  await writeFile(temporary, `${sha512(Buffer.from(own))}\n${own}\n`)
  await rename(temporary, file)
  return found
}

/** package.json: `license`, or the older `licenses`. */
export function npmLicences(text: string | undefined): string[] {
  const { license, licenses } = JSON.parse(text ?? '{}') as { license?: unknown; licenses?: unknown }
  const named = Array.isArray(licenses) && license === undefined ? licenses : [license]
  return named.flatMap((one: unknown) => {
    if (typeof one === 'string') return [one]
    const { type } = (one ?? {}) as { type?: unknown }
    return typeof type === 'string' ? [type] : []
  })
}

/** Core metadata of Python packages: `License-Expression`, else the classifiers, else `License` when it is a short name. */
export function pythonLicences(text: string | undefined): string[] {
  const header = (text ?? '').split(/\r?\n\r?\n/)[0] ?? ''
  const values = (name: string): string[] => [...header.matchAll(new RegExp(`^${name}:[ \\t]*(.+)$`, 'gim'))].map((match) => match[1]?.trim() ?? '')
  const expression = values('License-Expression')
  if (expression.length > 0) return expression
  const classified = values('Classifier').filter((one) => one.startsWith('License ::')).map((one) => one.split(' :: ').at(-1) ?? one)
  const named = values('License').filter((one) => one.length <= 100 && one !== 'UNKNOWN')
  return named.length > 0 ? named : classified
}

/** Names under `licenses` of a POM. */
export function mavenLicences(text: string | undefined): string[] {
  const [, inside = ''] = /<licenses>([\s\S]*?)<\/licenses>/.exec((text ?? '').replaceAll(/<!--[\s\S]*?-->/g, '')) ?? []
  return [...inside.matchAll(/<name>\s*([^<]+?)\s*<\/name>/g)].map((match) => (match[1] ?? '').replaceAll(/\s+/g, ' '))
}
