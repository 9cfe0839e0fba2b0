import type { Bundle } from '../../bundle/bundle.ts'
import { LIMITS } from '../../bundle/layout.ts'
import { propertiesOf, readBom } from '../read.ts'
import { changesOf, type Changes } from './changes.ts'

/** What an image may do by its own configuration, and the files that no package of it owns. */
export interface ImageState {
  readonly name: string
  readonly sha256: string
  /** As its configuration says, `root` when it says nothing. */
  readonly user: string
  readonly ports: readonly string[]
  /** Entry point, command, environment, working folder, labels: one line each. */
  readonly settings: readonly string[]
  /** `/etc/passwd sha512` or `/bin -> usr/bin`. */
  readonly unowned: readonly string[]
}

interface Config {
  readonly config?: {
    readonly User?: string
    readonly ExposedPorts?: Readonly<Record<string, unknown>>
    readonly Env?: readonly string[]
    readonly Entrypoint?: readonly string[]
    readonly Cmd?: readonly string[]
    readonly WorkingDir?: string
    readonly Labels?: Readonly<Record<string, string>>
  }
}

/** An image changes when its manifest does. */
export async function imageChanges(before: Bundle, after: Bundle): Promise<Changes<ImageState>> {
  return changesOf(await imageStates(before), await imageStates(after), (a, b) => a.sha256 === b.sha256)
}

/** Every image of a bundle, by name. */
export async function imageStates(bundle: Bundle): Promise<Map<string, ImageState>> {
  const found = new Map<string, ImageState>()
  for (const { name, manifest } of bundle.statement.images) {
    const { config } = await configOf(bundle, manifest.sha256)
    const bom = await readBom(bundle, `images/${name}.cdx.json`)
    const words = (label: string, list: readonly string[] | undefined): string[] => (list === undefined || list.length === 0 ? [] : [`${label} ${JSON.stringify(list)}`])
    found.set(name, {
      name,
      sha256: manifest.sha256,
      user: config?.User || 'root',
      ports: Object.keys(config?.ExposedPorts ?? {}).sort(),
      settings: [
        ...words('entrypoint', config?.Entrypoint),
        ...words('command', config?.Cmd),
        ...(config?.Env ?? []).toSorted().map((one) => `environment ${one}`),
        ...(config?.WorkingDir ? [`folder ${config.WorkingDir}`] : []),
        ...Object.entries(config?.Labels ?? {}).map(([label, value]) => `label ${label}=${value}`).sort(),
      ],
      unowned: bom.components
        .filter(({ type }) => type === 'file')
        .map((file) => {
          const [target] = propertiesOf(file, 'link-to')
          const sha512 = file.hashes?.find(({ alg }) => alg === 'SHA-512')?.content
          return `${file.name} ${target === undefined ? (sha512 ?? '') : `-> ${target}`}`
        }),
    })
  }
  return found
}

/** The configuration of an image; of one for several platforms nothing is told. */
async function configOf(bundle: Bundle, sha256: string): Promise<Config> {
  const document = async (name: string | undefined): Promise<Record<string, unknown>> => {
    const ref = name === undefined ? undefined : bundle.blob(name)
    return ref === undefined ? {} : (JSON.parse((await bundle.readBlob(ref, LIMITS.imageManifest)).toString('utf8')) as Record<string, unknown>)
  }
  const { config } = (await document(sha256)) as { config?: { digest?: string } }
  return document(config?.digest?.slice('sha256:'.length))
}
