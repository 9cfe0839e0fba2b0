import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { PassThrough, Readable, type Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import itemsOf from 'stream-json/streamers/stream-array.js'
import membersOf from 'stream-json/streamers/stream-object.js'
import { openPromise } from 'yauzl'
import { claimName } from '../../evidence/advisories/claim.ts'
import { codenameOf, type TrackerEntry } from '../../evidence/advisories/debian.ts'
import { osvPackage, type OsvRecord } from '../../evidence/advisories/osv.ts'
import type { AdvisoryFormat, SnapshotSource } from '../../evidence/advisories/snapshot.ts'
import { fault } from '../codes.ts'
import { filesDigest } from '../lock/lock.ts'

/** A source of advisories of the definition, its files found. */
export interface AdvisoryPlan {
  readonly name: string
  readonly format: AdvisoryFormat
  readonly dated: string
  /** One file, or every file of a folder by its path in it. */
  readonly files: readonly { readonly path: string; readonly file: string }[]
}

/** `claimName` of every package that counts; undefined when all do. */
export type Names = ReadonlySet<string> | undefined

export interface ReadAdvisories {
  /** Every record about one of the names, in the source's own format, in a fixed order. */
  readonly bytes: Buffer
  readonly records: number
  readonly upstream: SnapshotSource['upstream']
}

/** One record of OSV is a few kilobytes. */
const RECORD_LIMIT = 16 << 20
/** What a bundle carries of a source. */
const CARRIED_LIMIT = 128 << 20

/**
 * Reads a data set of any size and keeps what it says about packages of `names`. Throws
 * E_ADVISORIES_INVALID, which names the file and what is wrong with it.
 */
export async function readAdvisories(plan: AdvisoryPlan, names: Names, release: string): Promise<ReadAdvisories> {
  const kept = plan.format === 'osv' ? new OsvRecords(names, release) : new TrackerRecords(names, release)
  const digests: Record<string, string> = {}
  let size = 0
  for (const { path, file } of plan.files) {
    try {
      const hash = createHash('sha512')
      await kept.read(file, hash)
      digests[path] = hash.digest('hex')
      size += (await stat(file)).size
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('E_')) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw fault('E_ADVISORIES_INVALID', `The advisories ${plan.name} cannot be read.`, { expected: EXPECTED[plan.format], faults: [`${path || file}: ${reason}`], cause })
    }
  }
  const bytes = Buffer.from(`${JSON.stringify(kept.value(), null, 1)}\n`)
  if (kept.seen === 0) throw fault('E_ADVISORIES_INVALID', `The advisories ${plan.name} hold no record.`, { expected: EXPECTED[plan.format], found: `${plan.files.length} files without any` })
  if (bytes.byteLength > CARRIED_LIMIT)
    throw fault('E_ADVISORIES_INVALID', `The advisories ${plan.name} are larger than a bundle carries.`, { expected: `at most ${CARRIED_LIMIT} bytes`, found: `${bytes.byteLength} bytes` })
  const [only] = Object.values(digests)
  const sha512 = plan.files.length === 1 && only !== undefined ? only : filesDigest(digests)
  return { bytes, records: kept.count, upstream: { files: plan.files.length, size, sha512, records: kept.seen } }
}

const EXPECTED: Readonly<Record<AdvisoryFormat, string>> = {
  'debian-tracker': 'the JSON export of Debian’s security tracker: source package → vulnerability → releases',
  osv: 'OSV records: one JSON file, an array of them, a zip or a folder of such files',
}

interface Kept {
  /** Records read, and kept. */
  readonly seen: number
  readonly count: number
  read(file: string, hash: Hash): Promise<void>
  value(): unknown
}

/** The tracker's export, with the one release that the bundle is for. */
class TrackerRecords implements Kept {
  seen = 0
  count = 0
  readonly #names: Names
  readonly #release: string
  readonly #kept = new Map<string, Record<string, TrackerEntry>>()

  constructor(names: Names, release: string) {
    this.#names = names
    this.#release = codenameOf(release)
  }

  async read(file: string, hash: Hash): Promise<void> {
    for await (const { key, value } of members<Record<string, TrackerEntry>>(hashed(file, hash), membersOf.withParserAsStream())) {
      const entries = Object.entries(value ?? {})
      this.seen += entries.length
      if (this.#names?.has(claimName('deb', key)) === false) continue
      const own = entries.flatMap(([id, entry]): [string, TrackerEntry][] => {
        const known = entry?.releases?.[this.#release]
        return known === undefined ? [] : [[id, { ...entry, releases: { [this.#release]: known } }]]
      })
      this.count += own.length
      if (own.length > 0) this.#kept.set(key, Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1))))
    }
  }

  value(): unknown {
    return Object.fromEntries([...this.#kept].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

class OsvRecords implements Kept {
  seen = 0
  readonly #names: Names
  readonly #release: string
  readonly #kept = new Map<string, OsvRecord>()

  constructor(names: Names, release: string) {
    this.#names = names
    this.#release = release
  }

  get count(): number {
    return this.#kept.size
  }

  async read(file: string, hash: Hash): Promise<void> {
    if (/\.zip$/i.test(file)) {
      for await (const bytes of hashed(file, hash)) void bytes
      return this.#zip(file)
    }
    if (await isArray(file)) {
      for await (const { value } of members<OsvRecord>(hashed(file, hash), itemsOf.withParserAsStream())) this.#take(value)
      return
    }
    if ((await stat(file)).size > RECORD_LIMIT) throw new Error(`a record of more than ${RECORD_LIMIT} bytes`)
    const bytes = await readFile(file)
    hash.update(bytes)
    this.#take(JSON.parse(bytes.toString('utf8')) as OsvRecord)
  }

  async #zip(file: string): Promise<void> {
    const zip = await openPromise(file)
    try {
      for await (const member of zip.eachEntry()) {
        if (!member.fileName.endsWith('.json')) continue
        if (member.uncompressedSize > RECORD_LIMIT) throw new Error(`${member.fileName}: a record of more than ${RECORD_LIMIT} bytes`)
        this.#take(JSON.parse((await buffer(await zip.openReadStreamPromise(member))).toString('utf8')) as OsvRecord)
      }
    } finally {
      zip.close()
    }
  }

  #take(record: OsvRecord): void {
    if (typeof record?.id !== 'string') throw new Error('a record without an id')
    this.seen++
    const about = (record.affected ?? []).flatMap((affected) => osvPackage(affected, this.#release) ?? [])
    if (about.some(({ type, name }) => this.#names?.has(claimName(type, name)) !== false)) this.#kept.set(record.id, record)
  }

  value(): unknown {
    return [...this.#kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record)
  }
}

/** The bytes of a file, hashed as they pass. */
function hashed(file: string, hash: Hash): Readable {
  async function* bytes(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer)
      yield chunk as Buffer
    }
  }
  return Readable.from(bytes(), { objectMode: false })
}

/** Members of a JSON text one at a time: memory is that of the largest. */
async function* members<T>(source: Readable, parser: Duplex): AsyncGenerator<{ readonly key: string; readonly value: T }> {
  const out = new PassThrough({ objectMode: true })
  const flow = pipeline(source, parser, out)
  flow.catch(() => undefined)
  for await (const member of out) yield member as { key: string; value: T }
  await flow
}

async function isArray(file: string): Promise<boolean> {
  const stream = createReadStream(file, { end: 1023 })
  return (await buffer(stream)).toString('utf8').trimStart().startsWith('[')
}
