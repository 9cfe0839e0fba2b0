import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fault } from '../../codes.ts'
import type { Item, Request, RpmRepository, Source, SourceContext } from '../source.ts'
import { dnfClient, type DnfClient } from './client.ts'

/**
 * Packages of one repository that createrepo_c made, resolved and verified by dnf against a root where nothing is
 * installed. The mirror keeps the repository's own index as it is, signed or not, with the packages of the closure only.
 */
export function rpmSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'rpm')
  const files = new Map<string, string>()

  const opened = async (repository: RpmRepository): Promise<DnfClient> => {
    const own = join(folder, crypto.randomUUID())
    await mkdir(own, { recursive: true })
    return dnfClient(repository, own, context)
  }

  const itemOf = async (file: string, fields: Omit<Item, 'kind' | 'upstream' | 'size'>): Promise<Item> => {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file, { signal: context.signal })) hash.update(chunk as Buffer)
    const { size } = await stat(file)
    files.set(fields.path, file)
    return { kind: 'rpm', ...fields, upstream: `sha256:${hash.digest('hex')}`, size }
  }

  const packagesIn = async (client: DnfClient, { name }: RpmRepository, into: string): Promise<Item[]> => {
    const got = (await readdir(into)).filter((file) => file.endsWith('.rpm')).sort()
    const listed = await client.run(['repoquery', '--quiet', '--qf', '%{location}|%{name}|%{evr}', ...got.map((file) => file.replace(/\.rpm$/, ''))])
    const items: Item[] = []
    for (const line of listed.stdout.split('\n').filter((one) => one.includes('|'))) {
      const [location = '', own = '', version = ''] = line.split('|')
      if (got.includes(basename(location))) items.push(await itemOf(join(into, basename(location)), { name: own, version, path: `${name}/${location}` }))
    }
    if (items.length !== got.length)
      throw fault('E_UPSTREAM_CHANGED', `The repository ${name} changed while it was read.`, { faults: got.map((file) => `rpm: ${file}`) })
    return items
  }

  const indexesOf = async (client: DnfClient, { name }: RpmRepository): Promise<Item[]> => {
    const items: Item[] = []
    for (const index of await client.indexes()) {
      const version = createHash('sha256').update(index.name).digest('hex').slice(0, 12)
      items.push(await itemOf(index.file, { name: `${name}/${index.name}`, version, path: `${name}/repodata/${index.name}`, attributes: { role: 'index' } }))
    }
    return items
  }

  const keysOf = async ({ name, keys }: RpmRepository): Promise<Item[]> => {
    const items: Item[] = []
    for (const key of keys)
      items.push(await itemOf(context.locate(key), { name: key, version: 'key', path: `${name}/keys/${basename(key)}`, attributes: { role: 'key' } }))
    return items
  }

  return {
    kind: 'rpm',
    async resolve(request) {
      const repository = repositoryOf(request)
      const client = await opened(repository)
      const packages = await packagesIn(client, repository, await client.download(request.items))
      const rest = request.purpose === 'mirror' ? [...(await indexesOf(client, repository)), ...(await keysOf(repository))] : []
      return [...rest, ...packages].sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item, request) {
      const repository = repositoryOf(request)
      if (item.attributes?.['role'] === 'key') return createReadStream(context.locate(item.name), { signal: context.signal })
      if (!files.has(item.path)) {
        const client = await opened(repository)
        if (client.upstream !== undefined) files.set(item.path, join(client.upstream, item.path.slice(repository.name.length + 1)))
        else {
          const role = item.attributes?.['role']
          const into = await client.download(role === 'index' ? request.items : [`${item.name}-${item.version}`])
          await (role === 'index' ? indexesOf(client, repository) : packagesIn(client, repository, into))
        }
      }
      const file = files.get(item.path)
      if (file === undefined || !(await stat(file).catch(() => undefined)))
        throw fault('E_UPSTREAM_MISSING', `The repository ${repository.name} no longer has a file of the lock.`, { faults: [`rpm: ${item.path}`] })
      return createReadStream(file, { signal: context.signal })
    },
    async tree(items) {
      return items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
    },
  }
}

function repositoryOf({ repository }: Request): RpmRepository {
  if (repository === undefined) throw fault('E_UPSTREAM_MISSING', 'A request for rpm packages names no repository.')
  return repository
}
