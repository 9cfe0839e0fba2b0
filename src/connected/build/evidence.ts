import { readFile } from 'node:fs/promises'
import { refOf as digestsOf, type BlobRef } from '../../bundle/digest.ts'
import type { ContentStore } from '../../bundle/store.ts'
import type { BundleParts, PlainFile } from '../../bundle/write.ts'
import { bundleBom, type OwnFile } from '../../evidence/bundle-bom.ts'
import { imageBom } from '../../evidence/image-bom.ts'
import { packagesIn } from '../../evidence/packages.ts'
import { provenance } from '../../evidence/provenance.ts'
import type { ReadBom } from '../../evidence/read.ts'
import { advisoryEvidence } from '../advisories/evidence.ts'
import type { Definition } from '../definition/definition.ts'
import { recipeContents } from '../images/contents.ts'
import { foreignContents } from '../images/foreign/contents.ts'
import type { BuiltImage } from '../images/image.ts'
import type { BuiltInstaller } from '../images/installer.ts'
import { statedLicences } from '../licences/stated.ts'
import { lockText } from '../lock/file.ts'
import type { Lock } from '../lock/lock.ts'
import type { LockedItem } from '../sources/source.ts'
import { assessorEvidence } from './assessor.ts'

/** An image of the bundle, and what it was made of. */
export interface MadeImage {
  readonly name: string
  readonly reference: string
  readonly manifest: BlobRef
  /** Inputs of its recipe; for an image made elsewhere its manifest, configuration and layers. */
  readonly items: readonly LockedItem[]
  /** Absent for an image made elsewhere. */
  readonly built?: BuiltImage
}

interface BuildResult extends Pick<BundleParts, 'mirrors' | 'iac' | 'docs'> {
  readonly definition: Definition
  readonly lock: Lock
  readonly images: readonly MadeImage[]
  readonly installer: BuiltInstaller | undefined
  readonly store: ContentStore
}

/** Everything under `evidence/` of a bundle. The same build gives the same bytes. */
export async function evidenceOf(result: BuildResult): Promise<BundleParts['evidence']> {
  const { definition, lock, images, installer, store } = result
  const { name, version, created } = lock
  const licences = await statedLicences(lock.items, store)
  const licensed = (item: LockedItem): LockedItem & { licences?: readonly string[] } => {
    const stated = licences.get(item.sha256) ?? []
    return stated.length === 0 ? item : { ...item, licences: stated }
  }
  const users = usersOf(lock)
  const components = lock.items.map((item) => ({ ...licensed(item), for: users.get(`${item.kind}:${item.path}`) ?? [] }))
  const boms: { readonly path: string; readonly bytes: Buffer }[] = []
  const listed = []
  for (const { name: image, reference, manifest, items, built } of images) {
    const contents =
      built === undefined
        ? { known: 'foreign' as const, inputs: [], ...(await foreignContents(items, store)) }
        : { known: 'recipe' as const, installed: [], ...(await recipeContents(built, items.map(licensed), store)) }
    const path = `images/${image}.cdx.json`
    const bytes = imageBom({ name: image, version, reference, created, manifest, ...contents })
    boms.push({ path, bytes })
    listed.push({ name: image, reference, manifest, bom: { path, sha512: digestsOf(bytes).sha512 } })
  }
  const files = await ownFiles(result)
  const subjects = images.map((image) => ({ name: image.name, sha256: image.manifest.sha256 }))
  const sbom = bundleBom({
    name,
    version,
    created,
    components,
    images: listed,
    files,
    ...(installer === undefined ? {} : { installer: { ...installer.blob, packages: installer.packages } }),
  })
  const documents = new Map(listed.map((image, index) => [image.name, JSON.parse(boms[index]?.bytes.toString('utf8') ?? '') as ReadBom]))
  const packages = packagesIn(JSON.parse(sbom.toString('utf8')) as ReadBom, documents)
  const advisories = await advisoryEvidence(definition, packages, created)
  const evidence = [
    { path: 'bundle.lock.yaml', bytes: Buffer.from(lockText(lock)) },
    { path: 'sbom.cdx.json', bytes: sbom },
    ...boms,
    ...advisories.files,
    {
      path: 'provenance.json',
      bytes: provenance({ name, version, created, components, definition: lock.definition.digest, subjects }),
    },
  ]
  if (definition.fields.kind !== 'release') return evidence
  const { docs, iac } = result
  return [...evidence, ...(await assessorEvidence({ about: { name, version, created }, packages, findings: advisories.findings, images: listed, evidence, docs, iac, store }))]
}

/** `kind:path` of an item → the mirrors and images that asked for it. */
function usersOf(lock: Lock): Map<string, string[]> {
  const users = new Map<string, Set<string>>()
  for (const { kind, for: wanting, items } of lock.requests)
    for (const path of items) users.set(`${kind}:${path}`, new Set([...(users.get(`${kind}:${path}`) ?? []), ...wanting]))
  return new Map([...users].map(([item, names]) => [item, [...names].sort()]))
}

/** Files of the bundle that are no input themselves: indexes of mirrors made here, infrastructure, pages. */
async function ownFiles({ lock, mirrors, iac, docs, store }: BuildResult): Promise<OwnFile[]> {
  const inputs = new Set(lock.items.map(({ sha256 }) => sha256))
  const files: OwnFile[] = []
  for (const [kind, trees] of [['mirrors', mirrors], ['iac', iac]] as const) {
    for (const { name, entries } of trees) {
      for (const { path, sha256 } of entries) {
        if (inputs.has(sha256)) continue
        const blob = await store.ref(sha256)
        if (blob !== undefined) files.push({ place: `${kind}/${name}`, path, sha256, sha512: blob.sha512 })
      }
    }
  }
  for (const page of docs) {
    const { sha256, sha512 } = digestsOf(await bytesOf(page))
    files.push({ place: 'docs', path: page.path, sha256, sha512 })
  }
  return files
}

async function bytesOf(page: PlainFile): Promise<Uint8Array> {
  return 'bytes' in page ? page.bytes : readFile(page.file)
}
