import { chmod, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Bundle } from '../bundle.ts'
import { fault } from '../codes.ts'
import { asError } from '../copy.ts'
import { hashFiles } from '../hash-pool.ts'
import type { HashResult } from '../hash-worker.ts'
import { ioFault, needRoom, readRegular } from '../io.ts'
import { LAYOUT, LIMITS, isUnlisted } from '../layout.ts'
import { refuse, type Reason } from '../reasons.ts'
import { openBundle, verifyBundle } from '../verify.ts'
import type { ImportOptions, ImportedSet } from './import.ts'
import { alone } from './lock.ts'
import { digestsOf } from './part-file.ts'
import { openShelf, type Shelf } from './shelf.ts'

interface Wanted {
  /** In the bundle. */
  readonly listed: string
  readonly size: number
  readonly sha512: string
}

/**
 * Takes a bundle that is a folder into a store, with the same rules as volumes: the medium is only read, what was begun
 * stays for the next run, blobs that the store has are not copied, and the bundle appears when it is whole and verified.
 * @throws those of `openBundle` and `verifyBundle`; E_FILE_UNREADABLE, E_FILE_ALTERED with every file that could not be
 *   had, after all others are in; E_STORE_BUSY, E_DISK_FULL
 */
export async function importBundle(path: string, options: ImportOptions): Promise<ImportedSet> {
  return alone(options.store, async () => {
    const shelf = await openShelf(options.store)
    const verify = { ...options, act: 'import', known: shelf.known(), floor: shelf.floors() } as const
    const bundle = await openBundle(path, verify)
    const { kind, name, version, sequence } = bundle.statement
    const carried = { kind, name, version, sequence, sha512: bundle.digest }
    const there = shelf.find(bundle.digest)
    if (there) return { bundle: await verifyBundle(there.directory, verify), directory: there.directory, notices: [`${there.directory} was there already and is right`] }
    const work = shelf.incoming(carried)
    await mkdir(join(work, 'parts'), { recursive: true })
    const copy = new Copy(bundle, join(work, 'bundle'), join(work, 'parts'), shelf, options)
    await copy.run()
    if (bundle.statement.installer) await chmod(join(work, 'bundle', bundle.statement.installer.path), 0o755)
    const whole = await verifyBundle(join(work, 'bundle'), { ...verify, onProgress: (progress) => options.onProgress?.({ ...progress, note: 'checking the whole' }) })
    if (whole.digest !== bundle.digest) throw fault('E_FILE_ALTERED', `bundle.json of ${path} changed while it was copied`, { expected: `sha512 ${bundle.digest}`, found: `sha512 ${whole.digest}` })
    return { bundle: whole, directory: await shelf.adopt(work, carried), notices: [] }
  })
}

class Copy {
  readonly #bundle: Bundle
  readonly #target: string
  readonly #parts: string
  readonly #shelf: Shelf
  readonly #options: ImportOptions

  constructor(bundle: Bundle, target: string, parts: string, shelf: Shelf, options: ImportOptions) {
    this.#bundle = bundle
    this.#target = target
    this.#parts = parts
    this.#shelf = shelf
    this.#options = options
  }

  async run(): Promise<void> {
    const { sums, listing, directory } = this.#bundle
    for (const path of [...listing.files.keys()].filter(isUnlisted)) {
      const bytes = await readRegular(join(directory, path), LIMITS.sums)
      if (!bytes) continue
      await writeFile(join(this.#parts, 'head.copy'), bytes, { flush: true })
      await this.#placed(join(this.#parts, 'head.copy'), path)
    }
    const all = [...sums].map(([listed, digest]) => ({ listed, sha512: digest, size: listing.files.get(listed) ?? 0 }))
    const absent: Wanted[] = []
    for (const wanted of await this.#without(all)) if (!(await this.#linked(wanted))) absent.push(wanted)
    await needRoom(this.#parts, absent.reduce((sum, { size }) => sum + size, 0))
    const reasons = await this.#copied(absent)
    refuse(`the bundle ${directory} (${all.length - reasons.length} of ${all.length} files are in and stay)`, reasons)
  }

  /** Those that an earlier run did not bring in; what it left wrong is removed. */
  async #without(all: readonly Wanted[]): Promise<Wanted[]> {
    const jobs = []
    for (const wanted of all) {
      const path = join(this.#target, wanted.listed)
      if ((await stat(path).catch(() => undefined))?.size === wanted.size) jobs.push({ wanted, path, size: wanted.size })
    }
    const right = new Set<Wanted>()
    await hashFiles(jobs, this.#options, ({ job: { wanted }, result }) => {
      if (result.sha512 === wanted.sha512) right.add(wanted)
    })
    const rest = all.filter((wanted) => !right.has(wanted))
    for (const { listed } of rest) await rm(join(this.#target, listed), { force: true })
    return rest
  }

  /** From another bundle of the store, hashed before. */
  async #linked({ listed, size, sha512 }: Wanted): Promise<boolean> {
    if (!listed.startsWith(`${LAYOUT.blobs}/`)) return false
    for (const candidate of await this.#shelf.candidates(listed, size, [])) {
      if ((await digestsOf(candidate)).sha512 !== sha512) continue
      await mkdir(dirname(join(this.#target, listed)), { recursive: true })
      await link(candidate, join(this.#target, listed))
      return true
    }
    return false
  }

  async #copied(absent: readonly Wanted[]): Promise<Reason[]> {
    const jobs = absent.map((wanted, index) => ({
      ...wanted,
      path: join(this.#bundle.directory, wanted.listed),
      copyTo: join(this.#parts, `${index}.copy`),
      fsync: true,
    }))
    const reasons: Reason[] = []
    for (const { copyTo } of jobs) await rm(copyTo, { force: true })
    try {
      await hashFiles(jobs, this.#options, async ({ job, result }) => {
        const reason = whyNot(job, result)
        if (reason) reasons.push(reason)
        if (reason) await rm(job.copyTo, { force: true })
        else await this.#placed(job.copyTo, job.listed)
      })
    } catch (error) {
      throw ioFault(error, `copying to ${this.#target}`)
    }
    return reasons
  }

  async #placed(file: string, path: string): Promise<void> {
    const target = join(this.#target, path)
    await mkdir(dirname(target), { recursive: true })
    await rename(file, target)
  }
}

function whyNot({ listed, sha512 }: Wanted, { error, sha512: found }: HashResult): Reason | undefined {
  if (error?.writing) throw asError(error)
  if (error) return { code: error.code === 'ENOENT' ? 'E_FILE_MISSING' : 'E_FILE_UNREADABLE', text: `${listed} could not be read`, found: error.message }
  return found === sha512 ? undefined : { code: 'E_FILE_ALTERED', text: `${listed} is not what was signed`, expected: `sha512 ${sha512}`, found: `sha512 ${found}` }
}
