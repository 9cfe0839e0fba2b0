import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openHead, readStatementBytes } from '../bundle.ts'
import type { BlobRef } from '../digest.ts'
import { parseStatement } from '../statement.ts'
import type { Sums } from '../sums.ts'
import type { CarriedBundle } from './listing.ts'

/** An earlier release as the low side knows it: whole, or only its head, from which the digests of its files follow. */
export interface Base {
  readonly directory: string
  readonly carried: CarriedBundle
  readonly sums: Sums
  readonly blobs: ReadonlyMap<string, BlobRef>
}

/**
 * Reads a bundle, or the folder `bundle/` of any volume of it, or that volume.
 * @throws E_BUNDLE_ABSENT, and those of the statement, SHA512SUMS and list of blobs
 */
export async function readBase(path: string): Promise<Base> {
  const directory = (await stat(join(path, 'volume.json')).catch(() => undefined)) ? join(path, 'bundle') : path
  const read = await readStatementBytes(directory)
  const { kind, name, version, sequence, ...statement } = parseStatement(read.bytes)
  const head = await openHead(directory, { kind, name, version, sequence, ...statement })
  return { directory, carried: { kind, name, version, sequence, sha512: read.digest }, ...head }
}
