import type { QueryAnswer, QueryRequest } from '../api.ts'
import type { Access, Connection } from '../audit/event.ts'
import { isFresh } from '../catalog/entry.ts'
import type { Product } from '../catalog/product.ts'
import { fault } from '../codes.ts'
import { MeshFault } from '../fault.ts'
import type { Reader } from '../identity/reader.ts'
import { joinAll } from '../labels/algebra.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import { banner, portionMark } from '../labels/marking.ts'
import type { Services } from '../services.ts'
import { decodeRecords, digestOf, productBucket } from '../storage/records.ts'
import { MARKING, columnsOf } from './columns.ts'

/** Text of one JSON array handed to DuckDB at a time. */
const CHUNK_CHARACTERS = 1024 * 1024

/**
 * Answers one SELECT over the records of a product that this reader may see, and over nothing else. The access stands in
 * the audit log before anything is answered, refusals and failures included. Throws E_MESH_NOT_FOUND (no such product,
 * or one the reader may not know of: the same steps, the same answer), E_MESH_DENIED, E_MESH_QUERY, E_MESH_QUERY_LIMIT.
 */
export async function answerQuery(
  services: Services,
  reader: Reader,
  connection: Connection,
  request: QueryRequest,
): Promise<QueryAnswer> {
  const { catalog, decisions, audit, policy, limits } = services
  const [domain = '', name = ''] = request.product.split('/')
  const visible = await catalog.entry(domain, name, (first) => decisions.condition(reader, 'discover', first))
  const existing = await catalog.existing(domain, name)
  const access = {
    act: 'query',
    reader,
    connection,
    products: existing === undefined ? [] : [{ id: existing.id, domain, name }],
    text: JSON.stringify(request),
  } as const satisfies Partial<Access>
  if (visible === undefined) {
    const hidden = existing && decisions.decide(reader, 'discover', existing.catalogLabel, domain).reasons
    await audit.record({
      ...access,
      allowed: false,
      reasons: hidden ?? ['unknown-product'],
      ...(existing && { label: existing.catalogLabel }),
    })
    throw fault('E_MESH_NOT_FOUND', 'no such product for this reader')
  }
  const decision = decisions.decide(reader, 'query', visible.dataLabel, domain)
  if (!decision.allowed) {
    await audit.record({ ...access, allowed: false, reasons: decision.reasons, label: visible.dataLabel })
    throw fault('E_MESH_DENIED', 'the policy denies this query', { faults: decision.reasons })
  }
  let label = visible.dataLabel
  try {
    const readable = await readableRecords(services, reader, visible)
    label = readable.label
    const answer = await services.engine.run({
      columns: columnsOf(visible.fields),
      chunks: readable.chunks,
      sql: request.sql,
      mostRows: limits.queryRows,
      mostBytes: limits.queryBytes,
      megabytes: limits.queryMegabytes,
    })
    const at = services.now()
    for (const extension of services.extensions) await extension.queried?.(visible, reader, answer.rows.length, at)
    const event = await audit.record({
      ...access,
      allowed: true,
      reasons: decision.reasons,
      label,
      records: answer.rows.length,
    })
    return {
      product: request.product,
      version: visible.version,
      columns: answer.columns,
      rows: answer.rows,
      label,
      marking: banner(policy, label),
      refreshedAt: visible.publication.at.toISOString(),
      fresh: isFresh(visible, at),
      event,
    }
  } catch (error) {
    const { code } = error instanceof MeshFault ? error : { code: 'E_MESH_INTERNAL' }
    // An error text can carry values of the data: it leaves only after the log knows of it, too.
    if (code !== 'E_MESH_AUDIT') {
      await audit.record({ ...access, allowed: true, reasons: decision.reasons, failure: code, label })
    }
    throw error
  }
}

/**
 * Reads the publication, holds its bytes against the catalog's digest, and keeps the records whose own label lets this
 * reader query them. The label is the join over all kept: an aggregate may depend on any of them.
 */
async function readableRecords(
  services: Services,
  reader: Reader,
  product: Product,
): Promise<{ readonly chunks: readonly string[]; readonly label: CanonicalLabel }> {
  const { store, decisions, policy, limits } = services
  const body = await store.get(productBucket(product.id), product.publication.object, 2 * limits.publishBytes)
  const digest = digestOf(body)
  if (digest !== product.publication.sha256) {
    throw fault('E_MESH_STORE', 'the records of a product are not what was published', {
      expected: `sha256 ${product.publication.sha256}`,
      found: `sha256 ${digest}`,
    })
  }
  const markings = new Map<string, string | undefined>()
  const labels: CanonicalLabel[] = [product.dataLabel]
  const chunks: string[] = []
  let lines: string[] = []
  let size = 0
  const flush = (): void => {
    if (lines.length > 0) chunks.push(`[${lines.join(',')}]`)
    lines = []
    size = 0
  }
  for (const { label, record } of decodeRecords(body)) {
    const key = JSON.stringify(label)
    if (!markings.has(key)) {
      const { allowed } = decisions.decide(reader, 'query', label, product.domain)
      markings.set(key, allowed ? portionMark(policy, label) : undefined)
      if (allowed) labels.push(label)
    }
    const marking = markings.get(key)
    if (marking === undefined) continue
    const line = JSON.stringify({ ...record, [MARKING]: marking })
    lines.push(line)
    size += line.length
    if (size >= CHUNK_CHARACTERS) flush()
  }
  flush()
  return { chunks, label: joinAll(policy, labels) }
}
