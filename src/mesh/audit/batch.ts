import type { SignedHead } from './head.ts'

/*
 * Layout of the log in its bucket. Each control plane of the site writes a part of its own, a tree for itself; one
 * locked object a batch:
 *
 *   log/h1/000000000042.ndjson    one OCSF event a line (the leaf is the line without its newline), last line SignedHead
 *   text/h1/000000000042.ndjson   one SealedText a line, for the events of the batch that carry free text
 *   spill/<uuid>.json             SignedOrder: what all control planes must make unreadable
 */

export const LOG = 'log/'

export function logPrefix(instance: string): string {
  return `${LOG}${instance}/`
}

export function textPrefix(instance: string): string {
  return `text/${instance}/`
}

/** A batch is written at once and read whole. */
export const MOST_BATCH_BYTES = 16 * 1024 * 1024

export function batchKey(prefix: string, batch: number): string {
  return `${prefix}${String(batch).padStart(12, '0')}.ndjson`
}

export function batchOf(key: string): number {
  return Number(/(\d{12})\.ndjson$/.exec(key)?.[1])
}

export function encodeBatch(events: readonly string[], head: SignedHead): Buffer {
  return Buffer.from(`${[...events, JSON.stringify(head)].join('\n')}\n`)
}

export function decodeBatch(body: Buffer): { readonly events: readonly string[]; readonly head: SignedHead } {
  const lines = body.toString('utf8').trimEnd().split('\n')
  const last = lines.pop() ?? ''
  return { events: lines, head: JSON.parse(last) as SignedHead }
}
