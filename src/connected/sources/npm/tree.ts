import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Parser } from 'tar'
import type { ContentStore } from '../../../bundle/store.ts'
import { fault } from '../../codes.ts'
import type { LockedItem, TreeFile } from '../source.ts'

/**
 * Where a tarball stands in the mirror. Not npm's usual `NAME/-/FILE`: there NAME would be the packument's file and a
 * folder at once, which a static tree cannot hold. No package name begins with an underscore.
 */
export function tarballPath(name: string, version: string): string {
  return `_tarballs/${name}/${name.split('/').at(-1) ?? name}-${version}.tgz`
}

/**
 * Host and prefix of the tarball addresses in packuments. The depot's name is not known when a bundle is built: the
 * client's setting `replace-registry-host=always` (mirrors/npm/npmrc) puts the registry in place of this host.
 */
const PLACEHOLDER = 'https://registry.invalid/npm'

/**
 * The tarballs under both addresses that npm asks for: npm 9 puts the whole registry address, its `/npm` included, before
 * the path of the tarball's, later ones replace the host only. The second name is left out where a package is called npm.
 */
export function tarballs(items: readonly LockedItem[]): TreeFile[] {
  const folders = items.some(({ name }) => name === 'npm') ? [''] : ['', 'npm/']
  return items.flatMap(({ name, version, sha256, sha512, size }) =>
    folders.map((folder) => ({ path: `${folder}${tarballPath(name, version)}`, sha256, sha512, size })),
  )
}

/** What npm reads of a version (the registry's abbreviated metadata), besides `dist`. */
const MEMBERS = [
  'name',
  'version',
  'dependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'bundleDependencies',
  'bundledDependencies',
  'bin',
  'directories',
  'engines',
  'os',
  'cpu',
  'libc',
  'license',
] as const

/** One packument a package name, made from the tarballs alone, so that it is the same on every build. */
export async function packuments(items: readonly LockedItem[], store: ContentStore): Promise<TreeFile[]> {
  const byName = Map.groupBy(items, (item) => item.name)
  const files: TreeFile[] = []
  for (const [name, versions] of [...byName].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ordered = versions.toSorted((a, b) => compareVersions(a.version, b.version))
    const manifests: Record<string, unknown> = {}
    for (const item of ordered) manifests[item.version] = await manifestOf(item, store)
    const latest = ordered.at(-1)?.version ?? ''
    const packument = { name, 'dist-tags': { latest }, versions: manifests }
    files.push({ path: name, ...(await store.put(Buffer.from(`${JSON.stringify(packument)}\n`))) })
  }
  return files
}

async function manifestOf(item: LockedItem, store: ContentStore): Promise<Record<string, unknown>> {
  const { manifest, gyp } = await readManifest(item, store)
  const own: Record<string, unknown> = {}
  for (const member of MEMBERS) if (manifest[member] !== undefined) own[member] = manifest[member]
  const scripts = (manifest['scripts'] ?? {}) as Record<string, unknown>
  if (gyp || ['preinstall', 'install', 'postinstall'].some((name) => name in scripts)) own['hasInstallScript'] = true
  const sha1 = createHash('sha1')
  for await (const chunk of store.read(item.sha256)) sha1.update(chunk as Buffer)
  own['dist'] = {
    tarball: `${PLACEHOLDER}/${item.path}`,
    integrity: `sha512-${Buffer.from(item.sha512, 'hex').toString('base64')}`,
    shasum: sha1.digest('hex'),
  }
  return own
}

/** `package.json` of a tarball (its first folder may have any name), and whether npm would run node-gyp for it. */
async function readManifest(
  item: LockedItem,
  store: ContentStore,
): Promise<{ manifest: Record<string, unknown>; gyp: boolean }> {
  const chunks: Buffer[] = []
  let gyp = false
  const parser = new Parser({
    strict: true,
    filter: (path) => /^[^/]+\/(?:package\.json|binding\.gyp)$/.test(path),
    onReadEntry: (entry) => {
      if (entry.path.endsWith('/binding.gyp')) gyp = true
      if (entry.path.endsWith('/package.json')) entry.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
      entry.resume()
    },
  })
  const done = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve)
    parser.on('error', reject)
  })
  await pipeline(
    store.read(item.sha256),
    new Writable({
      write: (chunk: Buffer, _encoding, next) => void (parser.write(chunk) ? next() : parser.once('drain', next)),
      final: (next) => {
        parser.end()
        next()
      },
    }),
  )
  await done
  try {
    return { manifest: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>, gyp }
  } catch (cause) {
    throw fault('E_UPSTREAM_CHANGED', `The npm package ${item.name}@${item.version} has no readable package.json.`, {
      cause,
    })
  }
}

/** Order of semantic versions, precedence rules of SemVer 2.0.0 clause 11; enough to name the latest. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => {
    const [core = '', pre] = version.split('+')[0]?.split(/-(.*)/s) ?? []
    return { core: core.split('.').map(Number), pre: pre === undefined || pre === '' ? undefined : pre.split('.') }
  })
  if (left === undefined || right === undefined) return 0
  for (let index = 0; index < 3; index++) {
    const difference = (left.core[index] ?? 0) - (right.core[index] ?? 0)
    if (difference !== 0) return difference
  }
  if (left.pre === undefined || right.pre === undefined)
    return (left.pre === undefined ? 1 : 0) - (right.pre === undefined ? 1 : 0)
  for (let index = 0; index < Math.max(left.pre.length, right.pre.length); index++) {
    const [x, y] = [left.pre[index], right.pre[index]]
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1
    if (x === y) continue
    const numeric = [/^\d+$/.test(x), /^\d+$/.test(y)]
    if (numeric[0] && numeric[1]) return Number(x) - Number(y)
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1
    return x < y ? -1 : 1
  }
  return 0
}
