import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { stringify } from 'yaml'
import { at } from './workshop.ts'

const ROOT = new URL('../../..', import.meta.url).pathname
/** What a host needs to run containers of the mesh, and a depot to serve them. */
const PACKAGES = ['ansible-core', 'ansible-mitogen', 'ca-certificates', 'nginx', 'openssl', 'python3-apt', 'aardvark-dns', 'catatonit', 'crun', 'netavark', 'nftables', 'passt', 'podman']

/** A definition in a folder of the workshop: packages of a host, some images of the mesh, and its roles. Answers the folder. */
export function smallDefinition(name: string, images: readonly string[]): string {
  const folder = at(name)
  mkdirSync(folder, { recursive: true })
  const mesh = relative(folder, ROOT)
  const text = stringify({
    apiVersion: 'sallyport/v1',
    kind: 'release',
    name: 'hello',
    version: '1.0.0',
    sequence: 100,
    marking: { level: 'UNCLASSIFIED' },
    targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
    upgradesFrom: [],
    mirrors: [{ name: 'debian', ecosystem: 'apt', suites: ['trixie', 'trixie-updates', 'trixie-security'], packages: PACKAGES }],
    images: images.map((image) => ({ name: image, recipe: join(mesh, `bundles/mesh/images/${image}.yaml`) })),
    iac: [{ name: 'ansible', kind: 'ansible', from: join(mesh, 'ansible') }],
  })
  writeFileSync(join(folder, 'bundle.yaml'), text)
  return folder
}
