import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, glob, mkdir, mkdtemp, readFile, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { cacheFolder } from '../../src/bundle/cache.ts'

interface Recipe {
  readonly layers: readonly { readonly unpack?: readonly { readonly item: string }[] }[]
}

const RECIPE = new URL('../../bundles/mesh/images/control-plane.yaml', import.meta.url)

/** Folder of DuckDB's extensions as the control plane's image brings them, pinned by its recipe; fetched once, by pip. */
export async function duckdbExtensions(): Promise<string> {
  const { layers } = parse(await readFile(RECIPE, 'utf8')) as Recipe
  const items = layers.flatMap(({ unpack = [] }) => unpack.map(({ item }) => item)).filter((item) => item.startsWith('duckdb-extension-'))
  const folder = join(cacheFolder(process.env), 'duckdb-extensions', items.join('+'))
  if (existsSync(folder)) return folder
  await mkdir(join(folder, '..'), { recursive: true })
  const partial = await mkdtemp(`${folder}.`)
  const python = (...words: string[]): unknown => execFileSync('python3', ['-m', ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
  for (const item of items) python('pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--dest', partial, item)
  for await (const wheel of glob(join(partial, '*.whl'))) python('zipfile', '-e', wheel, partial)
  for await (const file of glob(join(partial, '*/extensions/*/*.duckdb_extension'))) await copyFile(file, join(partial, basename(file)))
  await rename(partial, folder)
  return folder
}
