import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { lastWords } from '../client.ts'
import type { LockedItem, SourceContext, TreeFile } from '../source.ts'
import { gitIn } from './repository.ts'

/** The files that `git clone https://…` asks for when nothing answers but a file server; indexes are git's own. */
export async function bareTree(items: readonly LockedItem[], context: SourceContext): Promise<TreeFile[]> {
  const { store } = context
  const git = gitIn(context)
  const files: TreeFile[] = []
  for (const [name, packs] of [...Map.groupBy(items, (item) => item.name)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const put = async (path: string, text: string): Promise<void> => void files.push({ path: `${name}/${path}`, ...(await store.put(Buffer.from(text))) })
    for (const { path, sha256, sha512, size } of packs) {
      const folder = join(context.scratch, 'git', crypto.randomUUID())
      await mkdir(folder, { recursive: true })
      await copyFile(store.pathOf(sha256), join(folder, 'a.pack'))
      const indexed = await git(['index-pack', '--strict', '--no-rev-index', '-o', join(folder, 'a.idx'), join(folder, 'a.pack')])
      if (!indexed.ok) throw fault('E_UPSTREAM_CHANGED', `The pack of ${name} is not whole.`, { faults: lastWords(indexed) })
      files.push({ path, sha256, sha512, size }, { path: path.replace(/\.pack$/, '.idx'), ...(await store.putFile(join(folder, 'a.idx'))) })
    }
    const refs = refsOf(packs)
    await put('info/refs', refs.map(([ref, id]) => `${id}\t${ref}\n`).join(''))
    await put('objects/info/packs', `${packs.map(({ path }) => `P ${path.slice(path.lastIndexOf('/') + 1)}\n`).join('')}\n`)
    await put('HEAD', head(packs))
  }
  return files
}

/** Refs by name; an annotated tag has a second line with the commit it names. */
function refsOf(packs: readonly LockedItem[]): [string, string][] {
  return packs
    .flatMap(({ version, attributes }): [string, string][] => {
      const [ref = 'HEAD', object = version] = [attributes?.['ref'], attributes?.['object']]
      if (ref === 'HEAD') return [[`refs/heads/commit-${version.slice(0, 12)}`, version]]
      return object === version ? [[ref, version]] : [[ref, object], [`${ref}^{}`, version]]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** What a clone without `--branch` checks out: the first branch, or else the commit itself. */
function head(packs: readonly LockedItem[]): string {
  const branch = refsOf(packs).find(([ref]) => ref.startsWith('refs/heads/'))
  return branch === undefined ? `${packs[0]?.version ?? ''}\n` : `ref: ${branch[0]}\n`
}
