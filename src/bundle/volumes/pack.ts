import { createHash } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openContents, readStatementBytes } from '../bundle.ts'
import { readApprovals } from '../approval-files.ts'
import { fault } from '../codes.ts'
import { sha512 } from '../digest.ts'
import type { OnProgress } from '../fault.ts'
import { ioFault } from '../io.ts'
import type { SigningKey } from '../keys.ts'
import { blobPath } from '../layout.ts'
import { ALGORITHMS } from '../keys.ts'
import { readSignatures, type SignaturePair } from '../signature.ts'
import { parseStatement, type Statement } from '../statement.ts'
import { serialise } from '../strict-json.ts'
import type { Base } from './base.ts'
import { CONTENTS_TYPE, streamed, type SetContents } from './contents.ts'
import { finishVolume, headOf, memberFiles, type Copied, type Protection } from './finish.ts'
import { VOLUME_LIMITS, memberFolder } from './layout.ts'
import { VOLUME_TYPE, type CarriedBundle, type Pack } from './listing.ts'
import type { Media } from './media.ts'
import { openMedium } from './medium.ts'
import { partsOf, type Part } from './parts.ts'
import { SetWriter, type PackedVolume } from './set-writer.ts'
import { groupsOf, writeSpare } from './spare.ts'

export interface PackOptions {
  readonly media: Media
  readonly protection: Protection | undefined
  /** Spare volumes; as many as make sense are written. */
  readonly spares: number
  /** Releases the site holds already. */
  readonly bases: readonly Base[]
  readonly key: SigningKey
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export interface PackedSet {
  readonly statement: Statement
  readonly bundle: CarriedBundle
  /** Names of the folders, spare volumes last. */
  readonly volumes: readonly string[]
  readonly spares: number
  /** Bytes of content, and of the packs of volumes that are no spare. */
  readonly content: number
  readonly packed: number
  readonly held: number
  readonly deltas: number
}

/** File system of a medium, listing, signature, texts. */
const OVERHEAD = 2 << 20
const LEAST_ROOM = 2 * VOLUME_LIMITS.segment

export function volumeFolder(volume: number): string {
  return `VOLUME-${volume}`
}

export function carriedBundle({ kind, name, version, sequence }: Statement, digest: string): CarriedBundle {
  return { kind, name, version, sequence, sha512: digest }
}

/**
 * Writes a signed bundle as a set of volumes, each a folder in `out`, which grows in `<out>.partial`. Every byte is
 * checked as it is read. The same bundle gives the same bytes, but for signatures.
 * @throws E_UNSIGNED, E_BUNDLE_EXISTS, E_MEDIA, E_FILE_ALTERED, E_DISK_FULL, E_FILE_UNREADABLE, those of `openContents`
 */
export async function packVolumes(bundle: string, out: string, options: PackOptions): Promise<PackedSet> {
  if (await stat(out).catch(() => undefined)) throw fault('E_BUNDLE_EXISTS', `${out} exists already`, { expected: 'a folder that is not there yet' })
  const read = await readStatementBytes(bundle)
  const signatures = await readSignatures(bundle)
  if (signatures.size === 0) throw fault('E_UNSIGNED', `the bundle ${bundle} is not signed`)
  const { statement, sums, listing, blobs } = await openContents(bundle, read, parseStatement(read.bytes))
  const names = (folder: string, pairs: Iterable<[string, SignaturePair]>): string[] =>
    [...pairs].flatMap(([keyId, pair]) => ALGORITHMS.filter((name) => pair[name]).map((name) => `${folder}${keyId}.${name}.sig`))
  const approvals = (await readApprovals(bundle)).flatMap(({ id, signatures: pairs }) => [`approvals/${id}.json`, ...names(`approvals/${id}.`, pairs)])
  const files = [...names('signatures/', signatures), ...approvals]
  const listBlob = blobPath(statement.contents.sha256)
  const head = await headOf(bundle, files, listBlob)
  const partial = `${out}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    const paths = [...sums.keys()].filter((path) => path !== listBlob)
    const parts = await partsOf({ bundle, paths, sums, blobs, sizes: listing.files, bases: options.bases, signal: options.signal })
    const carried = carriedBundle(statement, read.digest)
    const set = await new Packing(partial, statement, carried, parts, head, options).run()
    await rename(partial, out)
    return set
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw ioFault(error, `writing ${out}`)
  }
}

class Packing {
  readonly #out: string
  readonly #statement: Statement
  readonly #bundle: CarriedBundle
  readonly #parts: readonly Part[]
  readonly #head: readonly Copied[]
  readonly #options: PackOptions

  constructor(out: string, statement: Statement, bundle: CarriedBundle, parts: readonly Part[], head: readonly Copied[], options: PackOptions) {
    this.#out = out
    this.#statement = statement
    this.#bundle = bundle
    this.#parts = parts
    this.#head = head
    this.#options = options
  }

  async run(): Promise<PackedSet> {
    const packed = await this.#write()
    const spares = Math.min(this.#options.spares, packed.length > 1 ? packed.length : 0)
    const groups = groupsOf(packed.length, spares)
    this.#bounds(packed.length, groups)
    const contents = serialise(this.#contents(packed))
    const base = { type: VOLUME_TYPE, formatVersion: 1, critical: [], bundle: this.#bundle, contents: { sha512: sha512(contents), size: contents.byteLength } } as const
    const finish = (directory: string, volume: number, covers: readonly number[], packs: readonly Pack[], copied: readonly Copied[]) =>
      finishVolume({
        directory,
        listing: { ...base, volume, volumes: packed.length, spares, covers },
        packs,
        contents,
        copied: [...this.#head, ...copied],
        marking: [this.#statement.marking.level, ...this.#statement.marking.categories].join(' / '),
        bases: this.#options.bases.map(({ carried: { name, version } }) => `${name} ${version}`),
        protection: this.#options.protection,
        key: this.#options.key,
      })
    for (const [index, { directory, packs }] of packed.entries()) await finish(directory, index + 1, [], packs, [])
    for (const [index, covers] of groups.entries()) {
      const volume = packed.length + index + 1
      const directory = join(this.#out, volumeFolder(volume))
      await mkdir(directory)
      const members = []
      const copied = []
      for (const one of covers) {
        const { directory: folder, packs } = packed[one - 1] as PackedVolume
        members.push({ medium: await openMedium(folder), packs })
        copied.push(...(await memberFiles(memberFolder(one), folder, this.#options.key.keyId)))
      }
      const packs = await writeSpare(directory, members)
      for (const { medium } of members) await medium.close()
      await finish(directory, volume, covers, packs, copied)
    }
    await this.#fits(packed.length + spares)
    return {
      statement: this.#statement,
      bundle: this.#bundle,
      volumes: Array.from({ length: packed.length + spares }, (_, index) => volumeFolder(index + 1)),
      spares,
      content: packed.at(-1)?.end ?? 0,
      packed: packed.flatMap(({ packs }) => packs).reduce((sum, pack) => sum + pack.size, 0),
      held: this.#parts.filter(({ item }) => item.held).length,
      deltas: this.#parts.filter(({ item }) => item.delta).length,
    }
  }

  #contents(packed: readonly PackedVolume[]): SetContents {
    return {
      type: CONTENTS_TYPE,
      formatVersion: 1,
      critical: [],
      bundle: this.#bundle,
      bases: this.#options.bases.map(({ carried }) => carried),
      volumes: packed.map(({ begin, end }) => ({ begin, end })),
      items: this.#parts.map(({ item }) => item),
    }
  }

  /** Bytes for packs on each volume. */
  async #room(): Promise<number> {
    const { media, protection } = this.#options
    let fixed = OVERHEAD + 2 * serialise(this.#contents([])).byteLength + VOLUME_LIMITS.volumes * 80
    for (const one of [...this.#head, ...(protection?.tool ?? [])]) fixed += 4096 + ('bytes' in one ? one.bytes.byteLength : (await stat(one.file)).size)
    const room = Math.floor((media.capacity - fixed) / (1 + ((protection?.percent ?? 0) / 100) * 1.05))
    if (room < LEAST_ROOM) {
      throw fault('E_MEDIA', `${media.name} is too small for this bundle`, { expected: `at least ${Math.ceil((fixed + 1.5 * LEAST_ROOM) / 1e6)} MB`, found: `${Math.floor(media.capacity / 1e6)} MB` })
    }
    return room
  }

  async #write(): Promise<readonly PackedVolume[]> {
    const { onProgress, signal } = this.#options
    const total = this.#parts.reduce((sum, { item }) => sum + streamed(item), 0)
    const writer = new SetWriter((volume) => join(this.#out, volumeFolder(volume)), await this.#room())
    let done = 0
    try {
      for (const { item, sha512: expected, open } of this.#parts) {
        if (!open) continue
        const hash = createHash('sha512')
        const source = await open()
        try {
          for (;;) {
            signal?.throwIfAborted()
            const bytes = await writer.fill(source.read)
            if (bytes.byteLength === 0) break
            hash.update(bytes)
            done += bytes.byteLength
            onProgress?.({ done, total, unit: 'bytes' })
          }
        } finally {
          await source.close()
        }
        const found = hash.digest('hex')
        if (expected !== undefined && found !== expected)
          throw fault('E_FILE_ALTERED', `the bytes of ${item.path} are not the ones that were signed`, { expected: `sha512 ${expected}`, found: `sha512 ${found}` })
      }
      return await writer.end()
    } catch (error) {
      await writer.abandon()
      throw error
    }
  }

  #bounds(volumes: number, groups: readonly (readonly number[])[]): void {
    if (volumes + groups.length > VOLUME_LIMITS.volumes) {
      throw fault('E_MEDIA', `the set would have ${volumes + groups.length} volumes`, { expected: `at most ${VOLUME_LIMITS.volumes}`, found: this.#options.media.name })
    }
    if (groups.some((group) => group.length > VOLUME_LIMITS.group)) {
      throw fault('E_MEDIA', `one spare would stand in for ${Math.ceil(volumes / groups.length)} volumes`, {
        expected: `at most ${VOLUME_LIMITS.group}`,
        found: `${groups.length} spare(s) for ${volumes} volumes`,
        next: `Run it again with --spare ${Math.ceil(volumes / VOLUME_LIMITS.group)}`,
      })
    }
  }

  /** What was planned for a medium goes on it. */
  async #fits(volumes: number): Promise<void> {
    const { media } = this.#options
    for (let volume = 1; volume <= volumes; volume += 1) {
      const medium = await openMedium(join(this.#out, volumeFolder(volume)))
      const size = [...medium.files.values()].reduce((sum, one) => sum + Math.ceil(one / 2048) * 2048, 0)
      if (size <= media.capacity) continue
      throw fault('E_MEDIA', `volume ${volume} has grown larger than its medium`, { expected: `at most ${media.capacity} bytes`, found: `${size} bytes`, next: 'Run it again with less parity.' })
    }
  }
}
