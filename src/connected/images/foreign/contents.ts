import { posix } from 'node:path'
import type { ContentStore } from '../../../bundle/store.ts'
import type { InstalledPackage, UnownedFile } from '../../../evidence/image-bom.ts'
import type { LockedItem } from '../../sources/source.ts'
import { installedPackages } from './databases.ts'
import { addLayer, type ForeignTree } from './layer.ts'

export interface ForeignContents {
  readonly installed: readonly InstalledPackage[]
  readonly unowned: readonly UnownedFile[]
}

/** What an image made elsewhere says of itself: packages with the files they own, and every file that none owns. */
export async function foreignContents(items: readonly LockedItem[], store: ContentStore): Promise<ForeignContents> {
  const tree: ForeignTree = { files: new Map(), databases: new Map() }
  const manifest = items.find((item) => item.attributes?.['role'] === 'manifest')
  const { layers } = JSON.parse((await store.bytes(manifest?.sha256 ?? '', 4 << 20)).toString('utf8')) as { layers: { digest: string }[] }
  for (const { digest } of layers) {
    const layer = items.find((item) => item.upstream === digest)
    if (layer !== undefined) await addLayer(store.pathOf(layer.sha256), digest, tree)
  }
  const { files } = tree
  const taken = new Set<string>()
  const installed = installedPackages(tree.databases).map((one) => {
    const owned: string[] = []
    for (const path of one.files) {
      const place = real(path, tree)
      if (!files.has(place) || taken.has(place)) continue
      taken.add(place)
      owned.push(place)
    }
    return { ...one, files: owned.sort() }
  })
  const unowned = [...files]
    .filter(([path]) => !taken.has(path))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, { layer, target, linkTo, ...digests }]): UnownedFile => {
      const origin = linkTo === undefined ? undefined : files.get(linkTo)
      const { sha256, sha512 } = origin ?? digests
      return {
        path,
        layer,
        ...(sha256 === undefined || sha512 === undefined ? {} : { sha256, sha512 }),
        ...(target === undefined ? {} : { target }),
      }
    })
  return { installed, unowned }
}

/** A database may name a file by a folder that is a link by now (`/bin` of merged /usr). */
function real(path: string, { files }: ForeignTree, depth = 0): string {
  const steps = path.split('/')
  for (let at = 1; at < steps.length && depth < 40; at++) {
    const target = files.get(steps.slice(0, at).join('/'))?.target
    if (target === undefined) continue
    const folder = posix.resolve('/', ...steps.slice(0, at - 1), target).slice(1)
    return real(posix.join(folder, ...steps.slice(at)), { files, databases: new Map() }, depth + 1)
  }
  return path
}
