import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { ContentStore } from '../../src/bundle/store.ts'
import { buildImage, type BuiltImage, type PinnedLayers } from '../../src/connected/images/image.ts'
import { lookupIn, type Overlay } from '../../src/connected/images/lookup.ts'
import { loadRecipe } from '../../src/connected/images/recipe.ts'
import type { Resolve } from '../../src/connected/images/request.ts'

/** A folder of recipes, real Debian packages made on the spot, and a content store of its own. */
export class ImageBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'images-'))
  readonly #items = new Map<string, string>()

  write(path: string, text: string | Buffer, mode = 0o644): string {
    const file = join(this.folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
    return file
  }

  /** Makes `name.deb` with dpkg-deb; `files` maps a path to its text, or to `-> target` for a link. */
  package(name: string, files: Readonly<Record<string, string>>): void {
    const root = join(this.folder, 'packages', name)
    const control = `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: test <test@example.org>\nDescription: test\n`
    this.write(`packages/${name}/DEBIAN/control`, control)
    for (const [path, text] of Object.entries(files)) {
      const file = join(root, path)
      mkdirSync(dirname(file), { recursive: true })
      if (text.startsWith('-> ')) execFileSync('ln', ['-s', text.slice(3), file])
      else this.write(`packages/${name}/${path}`, text, text.startsWith('#!') ? 0o755 : 0o644)
    }
    const deb = join(this.folder, `${name}_1_all.deb`)
    execFileSync('dpkg-deb', ['--root-owner-group', '--build', root, deb], { stdio: 'ignore' })
    this.item(name, deb)
  }

  /** Serves a file as a package of that name, or as the item of another source. */
  item(name: string, file: string): void {
    this.#items.set(name, file)
  }

  store(name: string): ContentStore {
    return new ContentStore(join(this.folder, name))
  }

  async build(
    recipe: string,
    store: ContentStore,
    more: { outputs?: PinnedLayers; overlays?: readonly Overlay[] } = {},
  ): Promise<BuiltImage> {
    const scratch = join(this.folder, 'scratch')
    mkdirSync(scratch, { recursive: true })
    const resolve: Resolve = async (kind, { items }) =>
      Promise.all(
        items.map(async (name) => {
          const file = this.#items.get(name) ?? ''
          return { kind, name, version: '1', path: basename(file), ...(await store.putFile(file)) }
        }),
      )
    const loaded = await loadRecipe(join(this.folder, recipe), lookupIn(more.overlays ?? []))
    return buildImage({ recipe: loaded, resolve, store, scratch, outputs: more.outputs ?? {} })
  }
}

interface Manifest {
  readonly layers: readonly { readonly digest: string }[]
}

/** Paths of the layers' tars, lowest first. */
export function layersOf(store: ContentStore, manifest: Buffer): string[] {
  const { layers } = JSON.parse(manifest.toString('utf8')) as Manifest
  return layers.map(({ digest }) => store.pathOf(digest.slice('sha256:'.length)))
}

/** What GNU tar, another reader than ours, lists: `mode owner path [-> target]`, sizes and dates left out. */
export function listed(tar: string): string[] {
  return execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--quoting-style=literal', '--file', tar], {
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^(\S+) (\S+) +\d+ \S+ \S+ /, '$1 $2 '))
}

/** One file of a tar, by GNU tar. */
export function extracted(tar: string, path: string): string {
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', tar, path], { encoding: 'utf8' })
}
