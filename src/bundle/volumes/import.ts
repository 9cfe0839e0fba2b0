import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openHead, type Bundle } from '../bundle.ts'
import { fault } from '../codes.ts'
import { Fault, EXIT, type OnProgress } from '../fault.ts'
import { LIMITS } from '../layout.ts'
import type { Policy } from '../policy.ts'
import { openStatement, verifyBundle, type VerifyOptions } from '../verify.ts'
import { parseContents, streamed, type SetContents } from './contents.ts'
import { Intake } from './intake.ts'
import { VOLUME, VOLUME_LIMITS } from './layout.ts'
import type { CarriedBundle, Pack, Segment, VolumeListing } from './listing.ts'
import { alone } from './lock.ts'
import { readWhole } from './medium.ts'
import { goneFrom, openVolume, readListed, type OpenedVolume } from './open.ts'
import { contentOf } from './segment.ts'
import { openShelf, type Shelf } from './shelf.ts'
import { giveBack } from './zstd.ts'

export interface ImportOptions {
  readonly store: string
  readonly policy: Policy
  readonly now: Date
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export interface ImportedSet {
  readonly bundle: Bundle
  readonly directory: string
  /** Files of the volumes that were not needed or not there, one line each. */
  readonly notices: readonly string[]
}

/** Segments that are read ahead. */
const AHEAD = 2
/** Lines of a report, so that a lost volume of many files stays readable. */
const NAMED = 20

/**
 * Takes volumes of one set into a store, in any order and as many at a time as there are; what came in stays for the
 * next run. The media are only read. The bundle appears in the store when it is whole and verified.
 * @throws those of `openVolume` and `openStatement`; E_STORE_BUSY; E_DELTA_BASE; E_VOLUME_LOST, E_VOLUMES_AWAITED after everything that
 *   could be had is in; E_DISK_FULL
 */
export async function importVolumes(paths: readonly string[], options: ImportOptions): Promise<ImportedSet> {
  const volumes: OpenedVolume[] = []
  try {
    const unread: Fault[] = []
    for (const path of paths) {
      const opened = await openVolume(path, options).catch((error: unknown) => {
        // A disc that does not read stops no other; what was changed or is not trusted stops everything.
        if (!(error instanceof Fault) || error.code !== 'E_FILE_UNREADABLE') throw error
        unread.push(error)
      })
      if (opened) volumes.push(opened)
    }
    const [first] = volumes
    if (!first) throw unread[0] ?? fault('E_VOLUME_ABSENT', 'no volume was given')
    for (const { listing, medium } of volumes) {
      if (listing.contents.sha512 === first.listing.contents.sha512) continue
      throw fault('E_VOLUME_INVALID', `${medium.name} belongs to another set than ${first.medium.name}`, {
        expected: set(first.listing),
        found: set(listing),
        next: 'Import the volumes of each set with a command of its own.',
      })
    }
    return await alone(options.store, async () => new Import(volumes, first, await openShelf(options.store), options).run(unread))
  } finally {
    for (const { medium } of volumes) await medium.close()
  }
}

function set({ bundle, contents }: VolumeListing): string {
  return `${bundle.name} ${bundle.version}, contents.json ${contents.sha512.slice(0, 16)}…`
}

class Import {
  readonly #volumes: readonly OpenedVolume[]
  readonly #first: OpenedVolume
  readonly #shelf: Shelf
  readonly #options: ImportOptions
  readonly #verify: VerifyOptions
  readonly #work: string
  /** Packs, or parts of them, that cannot be had; and other files that are gone, without which an import goes on. */
  readonly #lost: string[] = []
  readonly #noticed: string[] = []
  /** Buffers that go round; given back before the whole is checked. */
  readonly #free: Buffer[] = []

  constructor(volumes: readonly OpenedVolume[], first: OpenedVolume, shelf: Shelf, options: ImportOptions) {
    this.#volumes = volumes
    this.#first = first
    this.#shelf = shelf
    this.#options = options
    this.#work = shelf.incoming(first.listing.bundle)
    const { policy, now, signal } = options
    this.#verify = { policy, now, act: 'import', known: shelf.known(), floor: shelf.floors(), signal }
  }

  /** `unread`: why volumes that were given could not be opened. */
  async run(unread: readonly Fault[]): Promise<ImportedSet> {
    for (const { message, detail } of unread) this.#lost.push(`${message}: ${detail.found ?? ''}`)
    const { bundle } = this.#first.listing
    const there = this.#shelf.find(bundle.sha512)
    if (there) {
      const whole = await verifyBundle(there.directory, this.#verify)
      return { bundle: whole, directory: there.directory, notices: [`${there.directory} was there already and is right`] }
    }
    const { installer, ...head } = await this.#head(bundle)
    const contents = parseContents(await this.#onAny((volume) => readListed(volume, VOLUME.contents, VOLUME_LIMITS.contents)))
    this.#fit(contents, bundle, [...head.sums.keys()])
    const intake = new Intake({ ...head, work: this.#work, contents, set: this.#first.listing.contents.sha512.slice(0, 16), shelf: this.#shelf })
    await intake.begin()
    try {
      await this.#takeAll(intake)
    } finally {
      for (const buffer of this.#free.splice(0)) giveBack(buffer)
      await intake.keep()
    }
    this.#lost.push(...intake.wrong)
    await this.#report(await intake.missing(), contents)
    const unheld = await intake.linkHeld()
    if (unheld.length > 0) throw fault('E_DELTA_BASE', 'files that this set takes from the release before it are damaged in the store', { faults: unheld.slice(0, NAMED) })
    if (installer !== undefined) await chmod(join(intake.bundle, installer), 0o755)
    const whole = await this.#whole(intake, contents)
    const directory = await this.#shelf.adopt(this.#work, bundle)
    return { bundle: whole, directory, notices: [...this.#lost, ...this.#noticed] }
  }

  /** The bundle's head, copied from the volume, then judged by the policy before anything else of the set is used. */
  async #head(bundle: CarriedBundle) {
    const target = join(this.#work, 'bundle')
    const prefix = `${VOLUME.head}/`
    const paths = this.#first.listing.files.map(({ path }) => path).filter((path) => path.startsWith(prefix))
    const extra = [...this.#first.medium.files.keys()].filter((path) => /^bundle\/signatures\/[0-9a-f]{16}\.(?:mldsa87|p384)\.sig$/.test(path))
    for (const path of new Set([...paths, ...extra])) {
      const place = join(target, path.slice(prefix.length))
      const bytes = extra.includes(path) ? await this.#unlisted(path) : await this.#onAny((volume) => readListed(volume, path, LIMITS.contents))
      const temporary = join(this.#work, 'parts', 'head.new')
      await mkdir(dirname(temporary), { recursive: true })
      await mkdir(dirname(place), { recursive: true })
      await writeFile(temporary, bytes, { flush: true })
      await rename(temporary, place)
    }
    const { read, statement } = await openStatement(target, this.#verify)
    if (read.digest !== bundle.sha512) throw fault('E_VOLUME_INVALID', 'the volume carries another bundle.json than its listing names', { expected: bundle.sha512, found: read.digest })
    const said = (['kind', 'name', 'version', 'sequence'] as const).filter((member) => statement[member] !== bundle[member])
    if (said.length > 0) {
      const written = ({ kind, name, version, sequence }: Omit<CarriedBundle, 'sha512'>) => `${kind} ${name} ${version}, sequence ${sequence}`
      throw fault('E_VOLUME_INVALID', `the listing of the volume names the bundle otherwise than bundle.json: ${said.join(', ')}`, { expected: written(statement), found: written(bundle) })
    }
    const { sums, blobs } = await openHead(target, statement)
    return { sums, blobs, installer: statement.installer?.path }
  }

  /** Signature files of the bundle stand in no list: they prove themselves. */
  async #unlisted(path: string): Promise<Buffer> {
    return this.#onAny(async ({ medium }) => (await readWhole(medium, path, LIMITS.signature)) ?? Buffer.alloc(0))
  }

  /** A file that is the same on every volume, from the first that has it whole. */
  async #onAny(read: (volume: OpenedVolume) => Promise<Buffer>): Promise<Buffer> {
    let why: unknown
    for (const volume of this.#volumes) {
      try {
        return await read(volume)
      } catch (error) {
        why ??= error
      }
    }
    throw why
  }

  #fit({ bundle, bases, items, volumes }: SetContents, wanted: CarriedBundle, paths: readonly string[]): void {
    const faults: string[] = []
    if (bundle.sha512 !== wanted.sha512) faults.push('contents.json is of another bundle')
    const listed = new Set(items.map(({ path }) => path))
    const own = paths.filter((path) => !listed.has(path))
    if (items.length + 1 !== paths.length || own.length !== 1) faults.push(`contents.json has ${items.length} files, SHA512SUMS ${paths.length} with the list of blobs`)
    if (volumes.length !== this.#first.listing.volumes) faults.push(`contents.json names ${volumes.length} volumes, volume.json ${this.#first.listing.volumes}`)
    if (faults.length > 0) throw fault('E_VOLUME_INVALID', 'the documents of the set disagree', { faults })
    const absent = bases.filter(({ sha512 }) => !this.#shelf.find(sha512))
    const [base] = absent
    if (!base) return
    const here = this.#shelf.bundles.map(({ carried }) => `${carried.name} ${carried.version} (sha512 ${carried.sha512.slice(0, 16)}…)`)
    throw fault('E_DELTA_BASE', `this set carries only what ${bundle.name} ${bundle.version} has beyond ${absent.map(({ name, version }) => `${name} ${version}`).join(' and ')}`, {
      expected: absent.map(({ name, version, sequence, sha512 }) => `${name} ${version}, sequence ${sequence}, sha512 ${sha512}`).join('; '),
      found: here.length === 0 ? `nothing in ${this.#shelf.directory}` : here.join(', '),
      next: `Import ${base.name} ${base.version} into ${this.#shelf.directory} first, or ask for a set without --since.`,
    })
  }

  async #takeAll(intake: Intake): Promise<void> {
    const work = this.#volumes.filter(({ listing }) => listing.covers.length === 0)
    const total = work.flatMap(({ listing }) => listing.packs).reduce((sum, pack) => sum + pack.size, 0)
    let done = 0
    for (const volume of work) {
      const at = `volume ${volume.listing.volume} (${volume.medium.name})`
      for (const { path, text } of await goneFrom(volume)) (volume.listing.packs.some((pack) => pack.path === path) ? this.#lost : this.#noticed).push(`${at}: ${text}`)
      for (const pack of volume.listing.packs) {
        if (volume.medium.files.has(pack.path)) {
          await this.#takePack(volume, pack, intake, at, (bytes) => this.#options.onProgress?.({ done: done + bytes, total, unit: 'bytes', note: `volume ${volume.listing.volume}` }))
        }
        done += pack.size
      }
      await intake.keep()
    }
  }

  async #takePack({ medium }: OpenedVolume, { path, segments }: Pack, intake: Intake, at: string, onBytes: (bytes: number) => void): Promise<void> {
    const queue: { segment: Segment; content: ReturnType<typeof contentOf>; buffer: Buffer }[] = []
    const bad: number[] = []
    let why = ''
    let position = 0
    const settle = async () => {
      const next = queue.shift()
      if (!next) return
      const content = await next.content
      if (content) await intake.take(next.segment.offset, content.bytes)
      else bad.push(next.segment.offset)
      content?.giveBack()
      this.#free.push(next.buffer)
    }
    const read = async (segment: Segment, from: number, buffer: Buffer): ReturnType<typeof contentOf> => {
      const stored = buffer.subarray(0, segment.stored)
      try {
        for (let filled = 0; filled < stored.byteLength;) {
          const count = await medium.read(path, stored.subarray(filled), from + filled)
          if (count === 0) return undefined
          filled += count
        }
      } catch (error) {
        why ||= `; at byte ${from} ${(error as Error).message}`
        return undefined
      }
      return contentOf(stored, segment)
    }
    for (const segment of segments) {
      this.#options.signal?.throwIfAborted()
      if (!(await intake.has(segment.offset, segment.size))) {
        const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(VOLUME_LIMITS.segment)
        const content = read(segment, position, buffer)
        content.catch(() => {})
        queue.push({ segment, content, buffer })
      }
      position += segment.stored
      while (queue.length > AHEAD) await settle()
      onBytes(position)
    }
    while (queue.length > 0) await settle()
    if (bad.length > 0) this.#lost.push(`${at}: ${path} does not read, or not as it was packed, in ${bad.length} of ${segments.length} segments${why}`)
  }

  /** @throws E_VOLUME_LOST, E_VOLUMES_AWAITED when something is missing */
  async #report(missing: Awaited<ReturnType<Intake['missing']>>, contents: SetContents): Promise<void> {
    if (missing.length === 0) return
    const lines: string[] = []
    const waiting = new Map<number, string[]>()
    for (const { path, pieces } of missing) {
      for (const [index, { begin, end }] of contents.volumes.entries()) {
        if (pieces.some(([from, to]) => from < end && begin < to)) waiting.set(index + 1, [...(waiting.get(index + 1) ?? []), path])
      }
    }
    for (const [volume, paths] of [...waiting].toSorted(([a], [b]) => a - b)) {
      lines.push(`volume ${volume} of ${contents.volumes.length}: ${paths.slice(0, NAMED).join(', ')}${paths.length > NAMED ? ` and ${paths.length - NAMED} more` : ''}`)
    }
    const { name, version } = contents.bundle
    const have = `${contents.items.length - missing.length} of ${contents.items.length} files of ${name} ${version} are in`
    if (this.#lost.length > 0) throw fault('E_VOLUME_LOST', `${have}; parts of a volume cannot be had`, { faults: [...this.#lost, ...this.#noticed, ...lines.map((line) => `still needed from ${line}`)] })
    throw fault('E_VOLUMES_AWAITED', `${have}; more volumes are needed`, { faults: [...lines, ...this.#noticed], expected: `volume ${[...waiting.keys()].toSorted((a, b) => a - b).join(', ')}` })
  }

  /** The whole bundle, hashed once more from the disk: it may have grown over days. */
  async #whole(intake: Intake, contents: SetContents): Promise<Bundle> {
    const { onProgress } = this.#options
    try {
      return await verifyBundle(intake.bundle, { ...this.#verify, ...(onProgress ? { onProgress: (progress) => onProgress({ ...progress, note: 'checking the whole' }) } : {}) })
    } catch (error) {
      if (!(error instanceof Fault) || error.exit !== EXIT.integrity) throw error
      const dropped = await intake.dropWrong()
      if (dropped.length === 0) throw error
      for (const { path } of contents.items.filter((item) => dropped.includes(item.path) && streamed(item) > 0)) this.#lost.push(`${path} changed in the store after it was taken in`)
      await this.#report(await intake.missing(), contents)
      throw error
    }
  }
}

