import { createHash } from 'node:crypto'
import { openPromise } from 'yauzl'
import type { LockedItem } from '../source.ts'

/** A provider's address and version, and its archive where that lies beside the definition. */
export interface Provider {
  readonly said: string
  /** `registry.example.org/team/hello`; without a host it is the client's own registry. */
  readonly address: string
  readonly version: string
  readonly archive?: string
  /** `h1:…` or `zh:…` of which the archive must have one; anything goes when empty. */
  readonly hashes: readonly string[]
}

const ADDRESS = /^(?:[a-z0-9.-]+(?::\d+)?\/)?[a-z0-9][a-z0-9_-]*\/[a-z0-9][a-z0-9-]*$/i
const ARCHIVE = /(?:^|\/)terraform-provider-([a-z0-9-]+)_(\d[^_/]*)_([a-z0-9]+)_([a-z0-9]+)\.zip$/

/** `namespace/type@1.0.0`, with or without a host, or `host/namespace/type=path/terraform-provider-type_1.0.0_linux_amd64.zip`. */
export function providerOf(item: string): Provider | undefined {
  const [address = '', archive] = item.split(/=(.*)/s)
  if (archive !== undefined) {
    const [, type, version] = ARCHIVE.exec(archive) ?? []
    if (!ADDRESS.test(address) || address.split('/').length !== 3 || !address.endsWith(`/${type ?? ''}`)) return undefined
    return { said: item, address, version: version ?? '', archive, hashes: [] }
  }
  const [name = '', version] = item.split('@')
  return ADDRESS.test(name) && version !== undefined && /^\d[\w.+-]*$/.test(version) ? { said: item, address: name, version, hashes: [] } : undefined
}

/** Blocks of a dependency lock file (opentofu.org/docs/language/files/dependency-lock), written by the client and in its own form. */
export function lockedProviders(text: string, path: string): Provider[] {
  return [...text.matchAll(/^provider "([^"]+)" \{\n([\s\S]*?)^\}/gm)].map(([, address = '', body = '']) => ({
    said: `${path}: ${address}`,
    address,
    version: /^\s*version\s*=\s*"([^"]+)"/m.exec(body)?.[1] ?? '',
    hashes: [...body.matchAll(/"((?:h1|zh):[^"]+)"/g)].map(([, hash]) => hash ?? ''),
  }))
}

/** Where `tofu providers mirror` puts an archive, which is also its address in a network mirror. */
export function archivePath({ address, version }: Pick<Provider, 'address' | 'version'>, platform: string): string {
  return `${address}/terraform-provider-${address.split('/').at(-1) ?? ''}_${version}_${platform}.zip`
}

/** `h1:` of a zip: sha256 over the sorted list of its files' sha256, as the client computes it (golang.org/x/mod/sumdb/dirhash, Hash1). */
export async function h1Of(archive: string): Promise<string> {
  const zip = await openPromise(archive, { strictFileNames: true })
  const lines: { name: string; hex: string }[] = []
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue
      const hash = createHash('sha256')
      for await (const chunk of await zip.openReadStreamPromise(entry)) hash.update(chunk as Buffer)
      lines.push({ name: entry.fileName, hex: hash.digest('hex') })
    }
  } finally {
    zip.close()
  }
  const sorted = lines.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, hex }) => `${hex}  ${name}\n`)
  return `h1:${createHash('sha256').update(sorted.join('')).digest('base64')}`
}

/** Answers of a network mirror (opentofu.org/docs/internals/provider-network-mirror-protocol), by path. */
export function mirrorAnswers(items: readonly LockedItem[]): [string, unknown][] {
  return [...Map.groupBy(items, (item) => item.name)].flatMap(([address, versions]): [string, unknown][] => [
    [`${address}/index.json`, { versions: Object.fromEntries(versions.map(({ version }) => [version, {}])) }],
    ...versions.map(({ version, path, upstream, attributes }): [string, unknown] => [
      `${address}/${version}.json`,
      { archives: { [attributes?.['platform'] ?? '']: { url: path.slice(address.length + 1), hashes: [upstream] } } },
    ]),
  ])
}
