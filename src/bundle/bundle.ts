import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from './codes.ts'
import { sha512, type BlobRef } from './digest.ts'
import { copyOne } from './copy.ts'
import { Fault } from './fault.ts'
import { readRegular } from './io.ts'
import type { CountedApproval } from './judge-approvals.ts'
import type { Signer } from './judge-signatures.ts'
import { LAYOUT, LIMITS, blobPath } from './layout.ts'
import { documentEndsOf } from './line-ends.ts'
import { listBundle, listingReasons, type Listing } from './listing.ts'
import { refuse } from './reasons.ts'
import { listOf } from './shape.ts'
import { blobRef, parseStatement, type Statement } from './statement.ts'
import { parseStrict } from './strict-json.ts'
import { parseSums, type Sums } from './sums.ts'
import { parsePlain, parseTree, type PlainEntry, type TreeEntry } from './tree.ts'

const CONTENTS = listOf(blobRef, LIMITS.blobs)

/** What stands in bundle.json, read once: everything later starts from these bytes. */
export interface StatementBytes {
  readonly bytes: Buffer
  /** sha512 of the bytes: the digest of the bundle. */
  readonly digest: string
}

/** @throws E_BUNDLE_ABSENT, E_TOO_LARGE, E_FILE_UNREADABLE */
export async function readStatementBytes(directory: string): Promise<StatementBytes> {
  const bytes = await readRegular(join(directory, LAYOUT.statement), LIMITS.statement)
  if (!bytes) throw fault('E_BUNDLE_ABSENT', `there is no regular file bundle.json in ${directory}`)
  return { bytes, digest: sha512(bytes) }
}

/**
 * A bundle whose statement, SHA512SUMS, listing and list of blobs are what was signed. Every read through it checks
 * the bytes it returns against the digest that the signature binds, so what was checked is what is used.
 */
export class Bundle {
  readonly directory: string
  readonly statement: Statement
  /** sha512 of bundle.json. */
  readonly digest: string
  /** Who counted for the policy; empty when the bundle was opened without one. */
  readonly signers: readonly Signer[]
  /** Approvals that counted. */
  readonly approvals: readonly CountedApproval[]
  /** Signatures and approvals that did not count although the bundle was accepted, one line each. */
  readonly notices: readonly string[]
  readonly sums: Sums
  readonly listing: Listing
  readonly #blobs: ReadonlyMap<string, BlobRef>

  constructor(opened: OpenedContents, { signers = [], approvals = [], notices = [] }: Partial<Accepted> = {}) {
    this.directory = opened.directory
    this.statement = opened.statement
    this.digest = opened.digest
    this.sums = opened.sums
    this.listing = opened.listing
    this.#blobs = opened.blobs
    this.signers = signers
    this.approvals = approvals
    this.notices = notices
  }

  /** Digests and size of a blob of this bundle; undefined when it holds none of this name. */
  blob(sha256: string): BlobRef | undefined {
    return this.#blobs.get(sha256)
  }

  /** Every blob, the list of blobs included. */
  blobs(): Iterable<BlobRef> {
    return this.#blobs.values()
  }

  /** Where a blob stands. Bytes read there without `readBlob` are unchecked. */
  blobPath(sha256: string): string {
    return join(this.directory, blobPath(sha256))
  }

  /**
   * The checked bytes of a blob.
   * @throws E_FILE_ALTERED, E_FILE_TRUNCATED, E_FILE_GROWN, E_FILE_MISSING, E_TOO_LARGE
   */
  async readBlob(ref: BlobRef, limit: number): Promise<Buffer> {
    return readChecked(this.directory, blobPath(ref.sha256), ref, limit)
  }

  /** The paths of a mirror or of IaC. @throws as `readBlob`, E_TREE_INVALID */
  async tree(ref: BlobRef): Promise<TreeEntry[]> {
    return parseTree(await this.readBlob(ref, LIMITS.tree), `the tree ${ref.sha256}`)
  }

  /** The files under docs/ or evidence/. @throws as `tree` */
  async plain(ref: BlobRef): Promise<PlainEntry[]> {
    return parsePlain(await this.readBlob(ref, LIMITS.tree), `the tree ${ref.sha256}`)
  }

  /**
   * The checked bytes of a listed file that stands under its own path (a document, a piece of evidence); undefined when
   * the bundle lists none. @throws as `readBlob`
   */
  async readFile(path: string, limit: number): Promise<Buffer | undefined> {
    const digest = this.sums.get(path)
    if (digest === undefined) return undefined
    return readChecked(this.directory, path, { sha256: '', sha512: digest, size: this.listing.files.get(path) ?? 0 }, limit)
  }

  /**
   * Copies a listed file (the installer, a document) to a new file, checking the bytes as they are copied.
   * @throws E_FILE_MISSING, E_FILE_ALTERED, E_DISK_FULL, E_FILE_UNREADABLE
   */
  async copyFile(path: string, target: string, mode = 0o644): Promise<void> {
    const expected = this.sums.get(path)
    if (expected === undefined) throw fault('E_FILE_MISSING', `${path} is not a listed file of the bundle`)
    const source = join(this.directory, path)
    const size = this.listing.files.get(path) ?? 0
    const result = await copyOne(source, target, size, true)
    if (result.sha512 !== expected) {
      await rm(target, { force: true })
      throw fault('E_FILE_ALTERED', `the bytes of ${path} are not the ones that were signed`, {
        expected: `sha512 ${expected}`,
        found: `sha512 ${result.sha512}`,
      })
    }
    await chmod(target, mode)
  }
}

/** For whom and why a bundle was accepted. */
type Accepted = Pick<Bundle, 'signers' | 'approvals' | 'notices'>

interface OpenedContents extends StatementBytes {
  readonly directory: string
  readonly statement: Statement
  readonly sums: Sums
  readonly listing: Listing
  readonly blobs: ReadonlyMap<string, BlobRef>
}

/** Reads a small file whose digest and size are known and returns it only when the bytes are right. */
async function readChecked(
  directory: string,
  path: string,
  { sha512: digest, size }: BlobRef,
  limit: number,
): Promise<Buffer> {
  if (size > limit) {
    throw fault('E_TOO_LARGE', `${path} is larger than this program reads`, {
      expected: `at most ${limit} bytes`,
      found: `${size} bytes`,
    })
  }
  const bytes = await readRegular(join(directory, path), size).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'E_TOO_LARGE') throw error
    throw fault('E_FILE_GROWN', `${path} is longer than it should be`, { expected: `${size} bytes`, found: 'more' })
  })
  if (!bytes) throw fault('E_FILE_MISSING', `${path} is missing or is not a regular file`)
  if (bytes.byteLength < size) {
    throw fault('E_FILE_TRUNCATED', `${path} is shorter than it should be`, {
      expected: `${size} bytes`,
      found: `${bytes.byteLength} bytes`,
    })
  }
  const found = sha512(bytes)
  if (found !== digest) {
    throw fault('E_FILE_ALTERED', `the bytes of ${path} are not the ones that were signed`, {
      expected: `sha512 ${digest}`,
      found: `sha512 ${found}`,
    })
  }
  return bytes
}

/**
 * From signed bytes of bundle.json to the list of blobs, each step resting on the digest the step before gave: the
 * statement, SHA512SUMS, the listing, the blob `contents`. The caller has checked the signatures over `read.bytes`.
 * @throws E_JSON_STRICT, E_FORMAT_UNKNOWN, E_CRITICAL_UNKNOWN, E_STATEMENT_INVALID, E_SUMS_CHANGED, E_SUMS_INVALID,
 *   E_FILE_MISSING, E_FILE_EXTRA, E_FILE_KIND, E_CONTENTS_MISMATCH, and those of `Bundle.readBlob`
 */
export async function openContents(
  directory: string,
  read: StatementBytes,
  statement: Statement = parseStatement(read.bytes),
): Promise<OpenedContents> {
  const sums = await openSums(directory, statement)
  const listing = await listBundle(directory)
  refuse(`the bundle ${directory}`, listingReasons(listing, sums))
  const blobs = await openBlobs(directory, statement, sums)
  return { directory, ...read, statement, sums, listing, blobs }
}

/** SHA512SUMS and the list of blobs of a bundle of which only its head stands at `directory`: a volume, a record. */
export async function openHead(
  directory: string,
  statement: Statement,
): Promise<{ readonly sums: Sums; readonly blobs: ReadonlyMap<string, BlobRef> }> {
  const sums = await openSums(directory, statement)
  return { sums, blobs: await openBlobs(directory, statement, sums) }
}

async function openSums(directory: string, { sums }: Statement): Promise<Sums> {
  const bytes = await readRegular(join(directory, LAYOUT.sums), LIMITS.sums)
  if (!bytes) throw fault('E_FILE_MISSING', 'SHA512SUMS is missing or is not a regular file')
  const found = sha512(bytes)
  if (found !== sums.sha512 || bytes.byteLength !== sums.size) {
    const ends = documentEndsOf(bytes, (other) => sha512(other) === sums.sha512)
    throw fault('E_SUMS_CHANGED', `SHA512SUMS is not the one that bundle.json names${ends ? `: ${ends}` : ''}`, {
      expected: `sha512 ${sums.sha512}, ${sums.size} bytes`,
      found: `sha512 ${found}, ${bytes.byteLength} bytes`,
    })
  }
  return parseSums(bytes)
}

async function openBlobs(directory: string, { contents }: Statement, sums: Sums): Promise<Map<string, BlobRef>> {
  const bytes = await readChecked(directory, blobPath(contents.sha256), contents, LIMITS.contents)
  const value = parseStrict(bytes, { what: 'the list of blobs', limit: LIMITS.contents })
  const faults: string[] = []
  CONTENTS(value, 'contents', faults)
  const blobs = new Map<string, BlobRef>()
  if (faults.length === 0) {
    const refs = value as readonly BlobRef[]
    let before = ''
    refs.forEach((ref, index) => {
      if (before >= ref.sha256) faults.push(`contents[${index}]: appears twice or out of order`)
      before = ref.sha256
      if (ref.sha256 === contents.sha256) faults.push(`contents[${index}]: the list of blobs lists itself`)
      blobs.set(ref.sha256, ref)
    })
    blobs.set(contents.sha256, contents)
    for (const ref of blobs.values()) {
      const listed = sums.get(blobPath(ref.sha256))
      if (listed !== ref.sha512)
        faults.push(`${blobPath(ref.sha256)}: is ${listed ? 'listed with another digest' : 'not listed'} in SHA512SUMS`)
    }
    for (const listed of sums.keys()) {
      const name = listed.startsWith(`${LAYOUT.blobs}/`) ? listed.slice(LAYOUT.blobs.length + 1) : undefined
      if (name !== undefined && !blobs.has(name)) faults.push(`${listed}: is not in the list of blobs`)
    }
  }
  if (faults.length > 0) throw fault('E_CONTENTS_MISMATCH', 'the list of blobs does not fit SHA512SUMS', { faults })
  return blobs
}
