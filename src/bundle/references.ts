import type { Bundle } from './bundle.ts'
import type { BundleCode } from './codes.ts'
import { sha512, type BlobRef } from './digest.ts'
import { LAYOUT } from './layout.ts'
import { OCI_LAYOUT, imageClosure, serialiseIndex } from './oci.ts'
import { refuse, type Reason } from './reasons.ts'

/**
 * Everything the statement, trees and image manifests refer to is in the bundle under the same size, and nothing is in
 * the bundle that they do not refer to.
 * @throws E_REFERENCE_ABSENT, E_BLOB_UNREFERENCED, E_CONTENTS_MISMATCH, E_MANIFEST_INVALID, E_TREE_INVALID, and those
 *   of `Bundle.readBlob`
 */
export async function checkReferences(bundle: Bundle): Promise<void> {
  const { statement, sums } = bundle
  const reasons: Reason[] = []
  const add = (code: BundleCode, text: string) => reasons.push({ code, text })
  const used = new Set([statement.contents.sha256])
  const use = (who: string, sha256: string, size: number) => {
    used.add(sha256)
    const blob = bundle.blob(sha256)
    if (!blob) add('E_REFERENCE_ABSENT', `${who} refers to blob ${sha256}, which the bundle does not hold`)
    else if (blob.size !== size) {
      add('E_REFERENCE_ABSENT', `${who} refers to blob ${sha256} with ${size} bytes; it has ${blob.size}`)
    }
    return blob?.size === size
  }
  const useRef = (who: string, ref: BlobRef) => {
    const there = use(who, ref.sha256, ref.size)
    if (!there || bundle.blob(ref.sha256)?.sha512 === ref.sha512) return there
    add('E_REFERENCE_ABSENT', `${who} refers to blob ${ref.sha256} with another sha512`)
    return false
  }

  for (const [kind, entries] of [
    ['mirror', statement.mirrors],
    ['iac', statement.iac],
  ] as const) {
    for (const { name, tree } of entries) {
      const who = `${kind} ${name}`
      if (!useRef(who, tree)) continue
      for (const entry of await bundle.tree(tree)) use(`${who}: ${entry.path}`, entry.sha256, entry.size)
    }
  }
  const images = []
  for (const entry of statement.images) {
    if (!useRef(`image ${entry.name}`, entry.manifest)) continue
    const closure = await imageClosure(entry.manifest, async (sha256, limit) => {
      const ref = bundle.blob(sha256)
      return ref && bundle.readBlob(ref, limit)
    })
    for (const blob of closure.blobs) use(`image ${entry.name}`, blob.sha256, blob.size)
    images.push({ entry, mediaType: closure.mediaType })
  }
  const placed = new Set<string>([LAYOUT.readme, LAYOUT.ociLayout, LAYOUT.index])
  for (const [path, bytes] of [
    [LAYOUT.ociLayout, OCI_LAYOUT],
    [LAYOUT.index, serialiseIndex(images)],
  ] as const) {
    if (sums.get(path) !== sha512(bytes)) add('E_CONTENTS_MISMATCH', `${path} is not what bundle.json makes it`)
  }
  const place = (path: string, digest: string) => {
    placed.add(path)
    if (sums.get(path) !== digest)
      add('E_CONTENTS_MISMATCH', `${path} is not listed with the digest that bundle.json binds`)
  }
  if (statement.installer) place(statement.installer.path, statement.installer.sha512)
  for (const folder of [LAYOUT.docs, LAYOUT.evidence] as const) {
    const { tree } = statement[folder]
    if (!useRef(folder, tree)) continue
    for (const entry of await bundle.plain(tree)) place(`${folder}/${entry.path}`, entry.sha512)
  }
  for (const path of sums.keys()) {
    if (!placed.has(path) && !path.startsWith(`${LAYOUT.blobs}/`))
      add('E_CONTENTS_MISMATCH', `${path} has no place in the format`)
  }
  for (const { sha256 } of bundle.blobs()) {
    if (!used.has(sha256)) add('E_BLOB_UNREFERENCED', `nothing refers to blob ${sha256}`)
  }
  refuse(`the bundle ${bundle.directory}`, reasons)
}
