import { createHash } from 'node:crypto'
import type { LabelledRecord } from '../contracts/records.ts'
import type { CanonicalLabel } from '../labels/label.ts'

/*
 * How a publication's records lie in the object store: one object of JSON lines, each carrying its whole label, so that
 * the bytes say by themselves what they are: {"_label":{…},…}
 */

export interface RecordsObject {
  readonly body: Buffer
  /** Hex; the catalog keeps it, and nothing is read from an object whose bytes are others. */
  readonly sha256: string
}

export function encodeRecords(records: readonly LabelledRecord[]): RecordsObject {
  const lines = records.map(({ label, record }) => `${JSON.stringify({ _label: label, ...record })}\n`)
  const body = Buffer.from(lines.join(''))
  return { body, sha256: digestOf(body) }
}

export function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

/** The caller has checked the digest: labels are the canonical ones that `encodeRecords` wrote. */
export function* decodeRecords(body: Buffer): Generator<LabelledRecord> {
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(10, start)
    const { _label, ...record } = JSON.parse(body.toString('utf8', start, end)) as Record<string, unknown>
    yield { label: _label as CanonicalLabel, record }
    start = end + 1
  }
}

/** A product's bucket is named by its opaque id alone. */
export function productBucket(id: string): string {
  return `product-${id}`
}
