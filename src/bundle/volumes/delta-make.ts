import type { BlobRef } from '../digest.ts'
import type { Base } from './base.ts'
import type { Part } from './parts.ts'

/** Placeholder until the next step. */
export async function deltasFor(
  _bundle: string,
  _fresh: readonly BlobRef[],
  _blobs: ReadonlyMap<string, BlobRef>,
  _bases: readonly Base[],
  _signal?: AbortSignal,
): Promise<ReadonlyMap<string, Part>> {
  return new Map()
}
