import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import type { LockedItem, SourceContext, TreeFile } from '../source.ts'
import { manifestOf } from './archive.ts'

/**
 * Where archives seem to stand. ansible-galaxy takes only an absolute address, and the depot's name is not known when a
 * bundle is built: the depot puts its own in place of this one as it answers (mirrors/galaxy/README.md).
 */
const PLACEHOLDER = 'https://registry.invalid/galaxy'

/** Answers of a Galaxy server (API v3) as files: what `ansible-galaxy collection install` asks for, and no more. */
export async function galaxyTree(items: readonly LockedItem[], context: SourceContext): Promise<TreeFile[]> {
  const { store } = context
  const files: TreeFile[] = items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
  const put = async (folder: string, answer: unknown): Promise<void> =>
    void files.push({ path: `${folder}/index.json`, ...(await store.put(Buffer.from(`${JSON.stringify(answer)}\n`))) })
  await put('api', { available_versions: { v3: 'v3/' } })
  for (const [full, versions] of [...Map.groupBy(items, (item) => item.name)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [namespace = '', name = ''] = full.split('.')
    const base = `api/v3/collections/${namespace}/${name}`
    const href = (version: string): string => `/galaxy/${base}/versions/${version}/`
    await put(base, { href: `/galaxy/${base}/`, namespace, name, versions_url: `/galaxy/${base}/versions/` })
    await put(`${base}/versions`, {
      meta: { count: versions.length },
      links: { first: null, previous: null, next: null, last: null },
      data: versions.map(({ version }) => ({ version, href: href(version) })),
    })
    for (const item of versions)
      await put(`${base}/versions/${item.version}`, {
        namespace: { name: namespace },
        collection: { name },
        name,
        version: item.version,
        href: href(item.version),
        download_url: `${PLACEHOLDER}/${item.path}`,
        artifact: { filename: item.path.slice('artifacts/'.length), sha256: item.sha256, size: item.size },
        metadata: { dependencies: await dependenciesOf(item, context) },
        signatures: [],
      })
  }
  return files
}

async function dependenciesOf(item: LockedItem, { store, scratch }: SourceContext): Promise<Readonly<Record<string, string>>> {
  await mkdir(join(scratch, 'galaxy'), { recursive: true })
  const manifest = await manifestOf(store.pathOf(item.sha256), join(scratch, 'galaxy', `${crypto.randomUUID()}.tar`))
  if (manifest === undefined) throw fault('E_UPSTREAM_CHANGED', `The collection ${item.name}:${item.version} has no MANIFEST.json.`)
  return manifest.collection_info.dependencies ?? {}
}
