import type { ContentStore } from '../../bundle/store.ts'
import type { ImageContents, UnownedFile } from '../../evidence/image-bom.ts'
import type { LockedItem } from '../sources/source.ts'
import { Digester } from '../../bundle/digest.ts'
import { chunksOf } from './content.ts'
import type { BuiltImage } from './image.ts'
import type { Content } from './node.ts'
import { imageFiles } from './owners.ts'

type Contents = Pick<ImageContents, 'inputs' | 'unowned'>

/** What an image made here consists of: `items` are the inputs of its recipe. Every file is either under an input, or unowned. */
export async function recipeContents(image: BuiltImage, items: readonly LockedItem[], store: ContentStore): Promise<Contents> {
  const bySha = new Map(items.map((item) => [item.sha256, item]))
  const files = new Map<string, string[]>()
  const unowned: UnownedFile[] = []
  const bundled = new Map(image.programs.map(({ path, packages }) => [path, packages]))
  for (const { path, node, layer, input } of await imageFiles(image.layers, store)) {
    if (input !== undefined && bySha.has(input)) {
      const known = files.get(input)
      if (known === undefined) files.set(input, [path])
      else known.push(path)
      continue
    }
    const packages = bundled.get(path)
    unowned.push({
      path,
      layer,
      ...(node.type === 'symlink' ? { target: node.target } : digestsOf(node.content)),
      ...(packages === undefined ? {} : { packages }),
    })
  }
  return {
    inputs: [...bySha.values()].filter(isPart).map((component) => ({ component, files: files.get(component.sha256) ?? [], tool: isTool(component) })),
    unowned,
  }
}

/** Of a Go module only its source counts; its go.mod and its date are the proxy's notes on it. */
const isPart = ({ kind, path }: LockedItem): boolean => kind !== 'go' || path.endsWith('.zip') || !/\/@v\//.test(path)

/** What compiled the image and is not in it. */
const isTool = ({ kind, name }: LockedItem): boolean => kind === 'go' && name === 'golang.org/toolchain'

function digestsOf(content: Content): { readonly sha256: string; readonly sha512: string } {
  const digester = new Digester()
  for (const chunk of chunksOf(content)) digester.update(chunk)
  const { sha256, sha512 } = digester.ref()
  return { sha256, sha512 }
}
