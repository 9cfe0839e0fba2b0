import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fault } from './codes.ts'
import { asError, copyOne } from './copy.ts'
import { refOf, sha512, type BlobRef } from './digest.ts'
import type { OnProgress } from './fault.ts'
import { hashFiles } from './hash-pool.ts'
import { ioFault, needRoom } from './io.ts'
import { LAYOUT, LIMITS, blobPath } from './layout.ts'
import { OCI_LAYOUT, imageClosure, serialiseIndex } from './oci.ts'
import { plainPathFault, treeFaults } from './path.ts'
import { readmeText } from './readme.ts'
import {
  STATEMENT_TYPE,
  fieldFaults,
  parseStatement,
  type ImageEntry,
  type Statement,
  type StatementFields,
} from './statement.ts'
import { syncDirectory, type ContentStore } from './store.ts'
import { serialise } from './strict-json.ts'
import { serialiseSums } from './sums.ts'
import { serialisePlain, serialiseTree, type PlainEntry, type TreeEntry } from './tree.ts'

/** A file under docs/ or evidence/; `path` is relative to that folder. */
export type PlainFile = { readonly path: string } & ({ readonly file: string } | { readonly bytes: Uint8Array })

export interface BundleParts {
  readonly fields: StatementFields
  readonly store: ContentStore
  /** `manifest` is the blob of an image manifest or index; all it refers to is taken from the store. */
  readonly images: readonly { readonly name: string; readonly reference: string; readonly manifest: BlobRef }[]
  readonly mirrors: readonly {
    readonly name: string
    readonly ecosystem: string
    readonly entries: readonly TreeEntry[]
  }[]
  readonly iac: readonly { readonly name: string; readonly kind: string; readonly entries: readonly TreeEntry[] }[]
  readonly docs: readonly PlainFile[]
  readonly evidence: readonly PlainFile[]
  /** Path of the single executable; null for a bundle without one. */
  readonly installer: string | null
}

export interface WriteOptions {
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
  readonly workers?: number
}

export interface WrittenBundle {
  readonly directory: string
  readonly statement: Statement
  /** sha512 of bundle.json: the digest of the bundle. */
  readonly digest: string
  /** Bytes of all files. */
  readonly size: number
}

/**
 * Writes an unsigned bundle: the same parts give the same bytes. It grows in `<directory>.partial`, which is renamed
 * when everything stands and removed on a failure. Bytes are copied out of the store and hashed as they are. Nothing is
 * flushed to the disk: `verify` after the copy to a medium is what shows that it holds.
 * @throws E_BUNDLE_EXISTS, E_STATEMENT_INVALID, E_TREE_INVALID, E_MANIFEST_INVALID, E_REFERENCE_ABSENT, E_STORE_ABSENT,
 *   E_STORE_DIGEST, E_DISK_FULL, E_FILE_UNREADABLE
 */
export async function writeBundle(
  directory: string,
  parts: BundleParts,
  options: WriteOptions = {},
): Promise<WrittenBundle> {
  if (await stat(directory).catch(() => undefined)) {
    throw fault('E_BUNDLE_EXISTS', `${directory} exists already`, { expected: 'a folder that is not there yet' })
  }
  const faults = fieldFaults(parts.fields)
  if (faults.length > 0) throw fault('E_STATEMENT_INVALID', 'the fields of the bundle are not valid', { faults })
  const partial = `${directory}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(join(partial, LAYOUT.blobs), { recursive: true })
    const written = await new Writer(partial, parts, options).run()
    await rename(partial, directory)
    await syncDirectory(dirname(join(directory, '.')))
    return { ...written, directory }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw ioFault(error, `writing ${directory}`)
  }
}

/** One run of `writeBundle`: what has been written so far, and in which order. */
class Writer {
  readonly #root: string
  readonly #parts: BundleParts
  readonly #options: WriteOptions
  readonly #sums = new Map<string, string>()
  readonly #contents = new Map<string, BlobRef>()
  #size = 0

  constructor(root: string, parts: BundleParts, options: WriteOptions) {
    this.#root = root
    this.#parts = parts
    this.#options = options
  }

  async run(): Promise<Omit<WrittenBundle, 'directory'>> {
    const { fields, images, mirrors, iac, docs, evidence, installer } = this.#parts
    const closures = []
    for (const image of images) {
      const entry: ImageEntry = { name: image.name, reference: image.reference, manifest: plainRef(image.manifest) }
      closures.push({
        entry,
        ...(await imageClosure(entry.manifest, (sha256, limit) => this.#parts.store.bytes(sha256, limit))),
      })
    }
    await this.#copyBlobs([
      ...closures.flatMap((one) => one.blobs),
      ...[...mirrors, ...iac].flatMap((one) => one.entries),
    ])
    const mirrorEntries = []
    for (const { name, ecosystem, entries } of mirrors) {
      mirrorEntries.push({ name, ecosystem, tree: await this.#blob(serialiseTree(entries, `mirror ${name}`)) })
    }
    const iacEntries = []
    for (const { name, kind, entries } of iac) {
      iacEntries.push({ name, kind, tree: await this.#blob(serialiseTree(entries, `iac ${name}`)) })
    }
    const docsTree = await this.#plain(LAYOUT.docs, docs)
    const evidenceTree = await this.#plain(LAYOUT.evidence, evidence)
    const installerEntry = installer === null ? null : await this.#installer(installer)
    await this.#file(LAYOUT.readme, Buffer.from(readmeText(fields)))
    await this.#file(LAYOUT.ociLayout, OCI_LAYOUT)
    await this.#file(LAYOUT.index, serialiseIndex(closures))
    const contents = await this.#contentsBlob()
    const sums = serialiseSums(this.#sums)
    await this.#write(LAYOUT.sums, sums)
    const statement: Statement = {
      type: STATEMENT_TYPE,
      formatVersion: 1,
      critical: [],
      ...orderedFields(fields),
      sums: { sha512: sha512(sums), size: sums.byteLength },
      contents,
      images: closures.map((one) => one.entry),
      mirrors: mirrorEntries,
      iac: iacEntries,
      installer: installerEntry,
      docs: { tree: docsTree },
      evidence: { tree: evidenceTree },
    }
    const bytes = serialise(statement)
    parseStatement(bytes)
    await this.#write(LAYOUT.statement, bytes)
    return { statement, digest: sha512(bytes), size: this.#size }
  }

  /** Copies each blob once, hashing what is written; a blob that is absent or damaged in the store is named. */
  async #copyBlobs(wanted: readonly { readonly sha256: string; readonly size: number }[]): Promise<void> {
    const unique = new Map(wanted.map((one) => [one.sha256, one.size]))
    const { store } = this.#parts
    const jobs = [...unique].map(([name, size]) => ({
      name,
      path: store.pathOf(name),
      size,
      sha256: true,
      copyTo: join(this.#root, blobPath(name)),
    }))
    await needRoom(
      this.#root,
      jobs.reduce((sum, job) => sum + job.size, 0),
    )
    const wrong: string[] = []
    await hashFiles(jobs, this.#options, ({ job: { name, size }, result }) => {
      if (result.error) {
        if (result.error.code !== 'ENOENT' || result.error.writing) throw asError(result.error)
        wrong.push(`${name}: is not in the store`)
      } else if (result.sha256 !== name) wrong.push(`${name}: its bytes have changed in the store`)
      else if (result.size !== size) wrong.push(`${name}: is referred to with ${size} bytes and has ${result.size}`)
      else this.#addBlob({ sha256: name, sha512: result.sha512, size })
    })
    if (wrong.length > 0) {
      throw fault('E_STORE_ABSENT', `the content store ${store.directory} does not hold what the bundle needs`, {
        faults: wrong,
      })
    }
  }

  #addBlob(ref: BlobRef): void {
    this.#contents.set(ref.sha256, ref)
    this.#sums.set(blobPath(ref.sha256), ref.sha512)
    this.#size += ref.size
  }

  async #blob(bytes: Buffer): Promise<BlobRef> {
    const ref = refOf(bytes)
    if (!this.#contents.has(ref.sha256)) {
      await writeFile(join(this.#root, blobPath(ref.sha256)), bytes, { flag: 'wx' })
      this.#addBlob(ref)
    }
    return ref
  }

  async #contentsBlob(): Promise<BlobRef> {
    const all = [...this.#contents.values()].toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1))
    if (all.length > LIMITS.blobs) {
      throw fault('E_TOO_LARGE', 'the bundle has more blobs than the format allows', {
        expected: `at most ${LIMITS.blobs}`,
        found: String(all.length),
      })
    }
    const bytes = serialise(all)
    const ref = refOf(bytes)
    await this.#file(blobPath(ref.sha256), bytes)
    return ref
  }

  async #plain(folder: string, files: readonly PlainFile[]): Promise<BlobRef> {
    const faults = treeFaults(files.map(({ path }) => path), plainPathFault)
    // Before the first of them is written: a path may lead anywhere.
    if (faults.length > 0) throw fault('E_TREE_INVALID', `${folder} is not a valid tree`, { faults })
    const entries: PlainEntry[] = []
    for (const file of files) {
      const path = `${folder}/${file.path}`
      await mkdir(dirname(join(this.#root, path)), { recursive: true })
      entries.push({
        path: file.path,
        ...('bytes' in file ? await this.#file(path, file.bytes) : await this.#copy(file.file, path)),
      })
    }
    return this.#blob(serialisePlain(entries, folder))
  }

  async #installer(source: string) {
    const { sha512: digest, size } = await this.#copy(source, LAYOUT.installer)
    const handle = await open(join(this.#root, LAYOUT.installer), 'r')
    await handle.chmod(0o755).finally(() => handle.close())
    return { path: LAYOUT.installer, sha512: digest, size }
  }

  async #copy(source: string, path: string): Promise<{ sha512: string; size: number }> {
    const { size } = await stat(source)
    const result = await copyOne(source, join(this.#root, path), size, false)
    this.#sums.set(path, result.sha512)
    this.#size += result.size
    return { sha512: result.sha512, size: result.size }
  }

  /** A file that SHA512SUMS lists. */
  async #file(path: string, bytes: Uint8Array): Promise<{ sha512: string; size: number }> {
    await this.#write(path, bytes)
    const digest = sha512(bytes)
    this.#sums.set(path, digest)
    return { sha512: digest, size: bytes.byteLength }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.#root, path), bytes, { flag: 'wx' })
    this.#size += bytes.byteLength
  }
}

function plainRef({ sha256, sha512, size }: BlobRef): BlobRef {
  return { sha256, sha512, size }
}

/** The members in the order of the format, whatever the order of the caller. */
function orderedFields(fields: StatementFields): StatementFields {
  const { policy, policyVersion, level, categories, releasability } = fields.marking
  return {
    kind: fields.kind,
    name: fields.name,
    version: fields.version,
    sequence: fields.sequence,
    created: fields.created,
    marking: { policy, policyVersion, level, categories, releasability },
    targets: fields.targets.map(({ os, release, architecture }) => ({ os, release, architecture })),
    upgradesFrom: fields.upgradesFrom.map(({ name, minSequence, maxSequence }) => ({ name, minSequence, maxSequence })),
  }
}
