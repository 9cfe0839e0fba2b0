import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, runClient, type ClientResult } from '../client.ts'
import { rounds } from '../rounds.ts'
import type { Item, Request, Source, SourceContext } from '../source.ts'
import { errorsOf } from './errors.ts'
import { archivePath, h1Of, lockedProviders, mirrorAnswers, providerOf, type Provider } from './provider.ts'

/**
 * OpenTofu and Terraform providers: downloaded from their registries by `tofu providers mirror`, which checks the
 * registry's signature, or archives beside the definition. The tree is a network mirror.
 */
export function terraformSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'terraform')
  const platform = `${context.target.os === 'debian' ? 'linux' : context.target.os}_${context.target.architecture}`
  const archives = new Map<string, string>()

  const mirror = async (providers: readonly Provider[]): Promise<{ result: ClientResult; into: string }> => {
    const place = join(folder, crypto.randomUUID())
    const into = join(place, 'mirror')
    await mkdir(into, { recursive: true })
    const required = providers.map(({ address, version }, index) => `    p${index} = { source = "${address}", version = "${version}" }\n`)
    await writeFile(join(place, 'main.tf'), `terraform {\n  required_providers {\n${required.join('')}  }\n}\n`)
    const result = await runClient('tofu', ['providers', 'mirror', `-platform=${platform}`, into], {
      cwd: place,
      env: { ...context.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' },
      signal: context.signal,
      debian: '',
      next: 'Put OpenTofu’s tofu on PATH, or name the providers’ archives beside the definition.',
    })
    return { result, into }
  }

  /** The client names what it does not find one at a time: each is asked for alone. */
  const mirrorFault = async (providers: readonly Provider[], result: ClientResult): Promise<Error> => {
    const said = errorsOf(result)
    const words = said.join('\n')
    if (/rejected the given authentication credentials|requires authentication credentials/i.test(words))
      return fault('E_UPSTREAM_LOGIN', 'A provider registry does not let tofu in.', { faults: said })
    if (/checksum|signature|authentication/i.test(words))
      return fault('E_UPSTREAM_SIGNATURE', 'tofu does not accept what a provider registry sent.', { faults: said })
    if (/no (?:available )?releases match|does not have a provider named|404|does not offer/i.test(words)) {
      const missing: Provider[] = []
      for (const one of providers) if (!(await mirror([one])).result.ok) missing.push(one)
      return fault('E_UPSTREAM_MISSING', 'A provider registry does not have what the definition asks for.', { faults: missing.map(({ said }) => `terraform: no ${said}`) })
    }
    return clientFault('tofu', result, () => fault('E_UPSTREAM_UNREACHABLE', 'tofu could not mirror the providers.', { faults: said }))
  }

  /** Archives of the registries, by their path in the mirror: the client puts in a host that was left out. */
  const download = async (providers: readonly Provider[]): Promise<{ path: string; file: string }[]> => {
    const found: { path: string; file: string }[] = []
    for (const round of rounds(providers, ({ address }) => address)) {
      const { result, into } = await mirror(round)
      if (!result.ok) throw await mirrorFault(round, result)
      for (const entry of await readdir(into, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name)
        if (entry.isFile() && entry.name.endsWith('.zip')) found.push({ path: relative(into, file), file })
      }
    }
    return found
  }

  const itemOf = async (path: string, file: string, hashes: readonly string[], said: string): Promise<Item> => {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file, { signal: context.signal })) hash.update(chunk as Buffer)
    const own = [await h1Of(file), `zh:${hash.digest('hex')}`] as const
    if (hashes.length > 0 && !hashes.some((one) => (own as readonly string[]).includes(one)))
      throw fault('E_UPSTREAM_CHANGED', `${path} is not what the lock file says.`, { expected: hashes.join(' or '), found: own.join(', '), faults: [`terraform: ${said}`] })
    archives.set(path, file)
    const { size } = await stat(file)
    const version = /_([^_]+)_[^_]+_[^_]+\.zip$/.exec(path)?.[1] ?? ''
    return { kind: 'terraform', name: path.slice(0, path.lastIndexOf('/')), version, path, upstream: own[0], size, attributes: { platform } }
  }

  const wantedBy = async ({ items, list }: Request): Promise<Provider[]> => {
    const named = items.map((item) => ({ item, provider: providerOf(item) }))
    const wrong = named.flatMap(({ item, provider }) => {
      if (provider === undefined) return [`terraform: no ${item}: not [host/]namespace/type@version, nor host/namespace/type=ARCHIVE.zip`]
      if (provider.archive === undefined) return []
      if (!provider.archive.endsWith(`_${platform}.zip`)) return [`terraform: no ${item}: the target is ${platform}`]
      return existsSync(context.locate(provider.archive)) ? [] : [`terraform: no ${item}`]
    })
    if (wrong.length > 0) throw fault('E_UPSTREAM_MISSING', 'The definition names providers that cannot be had.', { faults: wrong })
    const listed = list === undefined ? [] : lockedProviders(await readFile(context.locate(list.path), 'utf8'), list.path)
    const own = named.flatMap(({ provider }) => provider ?? [])
    // An archive beside the definition serves a provider of the lock file, and has to fit its hashes.
    const hashed = own.map((one) => ({ ...one, hashes: listed.find(({ address, version }) => address === one.address && version === one.version)?.hashes ?? [] }))
    return [...hashed, ...listed.filter((one) => !own.some(({ address, version }) => address === one.address && version === one.version))]
  }

  const take = async (wanted: readonly Provider[]): Promise<Item[]> => {
    const items: Item[] = []
    for (const one of wanted) if (one.archive !== undefined) items.push(await itemOf(archivePath(one, platform), context.locate(one.archive), one.hashes, one.said))
    const remote = wanted.filter(({ archive }) => archive === undefined)
    for (const { path, file } of await download(remote)) {
      const of = remote.find(({ address, version }) => path.endsWith(archivePath({ address, version }, platform)))
      items.push(await itemOf(path, file, of?.hashes ?? [], of?.said ?? path))
    }
    return items.sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  return {
    kind: 'terraform',
    async resolve(request) {
      return take(await wantedBy(request))
    },
    async fetch(item, request) {
      if (!archives.has(item.path)) {
        const wanted = (await wantedBy(request)).filter(({ address, version }) => version === item.version && item.name.endsWith(address))
        await take(wanted.length > 0 ? wanted : [{ said: item.name, address: item.name, version: item.version, hashes: [] }])
      }
      return createReadStream(archives.get(item.path) ?? '', { signal: context.signal })
    },
    async tree(items) {
      const files = items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
      for (const [path, answer] of mirrorAnswers(items)) files.push({ path, ...(await context.store.put(Buffer.from(`${JSON.stringify(answer)}\n`))) })
      return files
    },
  }
}
