/* oxlint-disable typescript/no-explicit-any -- forged documents are of any shape */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { refOf, sha512, type BlobRef } from '../../src/bundle/digest.ts'
import type { PrivateKey } from '../../src/bundle/keys.ts'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { parseSums } from '../../src/bundle/sums.ts'

/** What a publisher with a broken, or hostile, tool may change before it signs. */
export interface Draft {
  statement: Record<string, any>
  /** Blobs by content; contents and SHA512SUMS follow from them. */
  blobs: Buffer[]
  /** Other listed files by path. */
  files: Map<string, Buffer>
  /** The list of blobs, SHA512SUMS and bundle.json as they would be written. */
  contents: (refs: BlobRef[]) => Buffer
  sums: (text: string) => string
  text: (bytes: Buffer) => Buffer
}

/** Adds a blob in place of the one that `ref` names; gives its reference. */
export function replaceBlob(draft: Draft, ref: BlobRef, bytes: Buffer): BlobRef {
  draft.blobs = draft.blobs.filter((one) => refOf(one).sha256 !== ref.sha256)
  draft.blobs.push(bytes)
  return refOf(bytes)
}

export function blobOf(draft: Draft, ref: BlobRef): any {
  const bytes = draft.blobs.find((one) => refOf(one).sha256 === ref.sha256)
  return JSON.parse(String(bytes))
}

/** A copy of a bundle, changed by `change`, whole in every respect that `change` left alone, and signed. */
export async function forge(pristine: string, target: string, key: PrivateKey, change: (draft: Draft) => void): Promise<void> {
  cpSync(pristine, target, { recursive: true })
  const statement = JSON.parse(readFileSync(join(pristine, 'bundle.json'), 'utf8'))
  const listed = [...parseSums(readFileSync(join(pristine, 'SHA512SUMS'))).keys()]
  const read = (path: string) => readFileSync(join(pristine, path))
  const draft: Draft = {
    statement,
    blobs: listed.filter((path) => path.startsWith('blobs/') && !path.endsWith(statement.contents.sha256)).map(read),
    files: new Map(listed.filter((path) => !path.startsWith('blobs/')).map((path) => [path, read(path)])),
    contents: (refs) => serialise(refs),
    sums: (text) => text,
    text: (bytes) => bytes,
  }
  const contentsBefore = statement.contents
  change(draft)
  for (const path of listed) rmSync(join(target, path))
  const contents = draft.contents(draft.blobs.map(refOf).toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1)))
  if (draft.statement['contents'] === contentsBefore) draft.statement['contents'] = refOf(contents)
  const files = new Map(draft.files)
  for (const blob of [...draft.blobs, contents]) files.set(`blobs/sha256/${refOf(blob).sha256}`, blob)
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), bytes)
  }
  const order = [...files].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const sums = draft.sums(order.map(([path, bytes]) => `${sha512(bytes)}  ${path}\n`).join(''))
  writeFileSync(join(target, 'SHA512SUMS'), sums)
  const named = draft.statement['sums']
  if (typeof named === 'object' && named !== null) draft.statement['sums'] = { sha512: sha512(Buffer.from(sums)), size: Buffer.byteLength(sums), ...named.forged }
  const bytes = draft.text(serialise(draft.statement))
  writeFileSync(join(target, 'bundle.json'), bytes)
  await writeSignatures(target, key.keyId, signBytes(bytes, key))
}
