import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Metafile } from 'esbuild'

/** An npm package of this checkout that was bundled into a program. */
export interface BundledPackage {
  readonly name: string
  readonly version: string
  /** As its package.json says. */
  readonly licence?: string
}

/** The packages whose files esbuild put into a program, from its own account of them; each once, by name. `folder` is where its paths start. */
export async function bundledPackages({ inputs }: Metafile, folder: string): Promise<BundledPackage[]> {
  const folders = new Set<string>()
  for (const path of Object.keys(inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
    if (found !== undefined) folders.add(resolve(folder, found))
  }
  const packages = new Map<string, BundledPackage>()
  for (const place of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8')) as Record<string, unknown>
    if (typeof name !== 'string' || typeof version !== 'string') continue
    packages.set(`${name}@${version}`, { name, version, ...(typeof license === 'string' ? { licence: license } : {}) })
  }
  return [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}
