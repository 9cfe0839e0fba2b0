import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item, Request, Source, SourceContext } from '../source.ts'
import { inTurns } from '../turns.ts'
import { manifestOf, settle } from './archive.ts'
import { requirementsOf, type Requirement } from './requirements.ts'
import { galaxyTree } from './tree.ts'

/** Collections, resolved, checked and downloaded by ansible-galaxy; those beside the definition are built by it. */
export function galaxySource(context: SourceContext): Source {
  const folder = join(context.scratch, 'galaxy')
  const archives = new Map<string, string>()

  const galaxy = async (args: readonly string[]): Promise<ClientResult> => {
    await mkdir(join(folder, 'home'), { recursive: true })
    const own = { ANSIBLE_LOCAL_TEMP: join(folder, 'temp'), ANSIBLE_GALAXY_CACHE_DIR: join(folder, 'cache'), ANSIBLE_NOCOLOR: '1', PYTHONWARNINGS: 'ignore' }
    return runClient('ansible-galaxy', ['collection', ...args], { cwd: folder, env: { ...context.env, ...own }, signal: context.signal, debian: 'ansible-core' })
  }

  /** A folder becomes an archive, the same one each time. */
  const built = async (wanted: Requirement): Promise<Requirement> => {
    if (wanted.type !== 'dir') return wanted
    const into = join(folder, `built-${crypto.randomUUID()}`)
    const result = await galaxy(['build', '--output-path', into, '--', wanted.name])
    if (!result.ok) throw fault('E_UPSTREAM_MISSING', 'ansible-galaxy cannot build a collection of the definition.', { faults: [`galaxy: no ${wanted.said}`, ...lastWords(result, 3)] })
    const [archive = ''] = await readdir(into)
    await settle(join(into, archive))
    return { ...wanted, type: 'file', name: join(into, archive) }
  }

  const download = async (wanted: readonly Requirement[], ...options: string[]): Promise<{ result: ClientResult; into: string }> => {
    const into = join(folder, `download-${crypto.randomUUID()}`)
    await mkdir(into, { recursive: true })
    const collections = wanted.map(({ name, version, type }) => ({ name, type, ...(version === undefined ? {} : { version }) }))
    await writeFile(`${into}.yml`, stringify({ collections }))
    return { result: await galaxy(['download', ...options, '-r', `${into}.yml`, '-p', into]), into }
  }

  /** ansible-galaxy names the first one it does not find: the others are asked for one by one. */
  const downloadFault = async (wanted: readonly Requirement[], result: ClientResult): Promise<Error> => {
    const words = `${result.stderr}${result.stdout}`
    if (/Mismatch artifact hash/i.test(words)) return fault('E_UPSTREAM_CHANGED', 'A collection is not what its Galaxy server says.', { faults: lastWords(result, 3) })
    if (!/Could not satisfy|No match|Unable to find|Failed to resolve|HTTP Code: 404|HTTP Error 404/i.test(words))
      return clientFault('ansible-galaxy', result, () => fault('E_UNSATISFIABLE', 'ansible-galaxy cannot resolve the collections together.', { faults: lastWords(result) }))
    const alone = await inTurns(wanted, 2, (one) => download([one], '--no-deps'))
    const missing = wanted.filter((_, index) => alone[index]?.result.ok !== true)
    return missing.length === 0
      ? fault('E_UNSATISFIABLE', 'ansible-galaxy cannot resolve the collections together.', { faults: lastWords(result) })
      : fault('E_UPSTREAM_MISSING', 'The Galaxy server does not have what the definition asks for.', { faults: missing.map(({ said }) => `galaxy: no ${said}`) })
  }

  const take = async (wanted: readonly Requirement[], ...options: string[]): Promise<Item[]> => {
    const { result, into } = await download(wanted, ...options)
    if (!result.ok) throw await downloadFault(wanted, result)
    const items: Item[] = []
    for (const file of (await readdir(into)).filter((name) => name.endsWith('.tar.gz')).sort()) {
      const place = join(into, file)
      const info = (await manifestOf(place, `${place}.tar`))?.collection_info
      if (info === undefined) throw fault('E_UPSTREAM_CHANGED', `The collection ${file} has no MANIFEST.json.`, { faults: [`galaxy: ${file}`] })
      const { namespace, name, version } = info
      const path = `artifacts/${namespace}-${name}-${version}.tar.gz`
      const hash = createHash('sha256')
      for await (const chunk of createReadStream(place, { signal: context.signal })) hash.update(chunk as Buffer)
      const { size } = await stat(place)
      archives.set(path, place)
      items.push({ kind: 'galaxy', name: `${namespace}.${name}`, version, path, upstream: `sha256:${hash.digest('hex')}`, size })
    }
    return items.sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  const wantedBy = async (request: Request): Promise<Requirement[]> => {
    const wanted: Requirement[] = []
    for (const one of requirementsOf(request, context.locate)) wanted.push(await built(one))
    return wanted
  }

  return {
    kind: 'galaxy',
    async resolve(request) {
      return take(await wantedBy(request), ...(request.purpose === 'image' ? ['--no-deps'] : []))
    },
    async fetch(item, request) {
      if (!archives.has(item.path)) {
        // What the definition holds itself is no Galaxy server's; everything else is asked for by its exact version.
        const own = (await wantedBy(request)).filter(({ type }) => type === 'file')
        if (own.length > 0) await take(own, '--no-deps')
        if (!archives.has(item.path)) await take([{ said: `${item.name}:${item.version}`, name: item.name, version: item.version, type: 'galaxy' }], '--no-deps')
      }
      const archive = archives.get(item.path)
      if (archive === undefined) throw fault('E_UPSTREAM_MISSING', 'No Galaxy server has a collection of the lock any longer.', { faults: [`galaxy: ${item.name}:${item.version}`] })
      return createReadStream(archive, { signal: context.signal })
    },
    tree: (items) => galaxyTree(items, context),
  }
}
