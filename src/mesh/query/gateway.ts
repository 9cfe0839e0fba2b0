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
import { labelCondition } from '../lake/decisions.ts'
import { readTable } from '../lake/publication.ts'
import { viewOf } from './columns.ts'
import type { Answer } from './engine.ts'

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
  const { catalog, decisions, audit, policy } = services
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
    const readable = readableLabels(services, reader, visible)
    label = readable.label
    const answer = await answerFrom(services, visible, readable.markings, request)
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
 * The labels of the publication's records under which this reader may query, each with its portion mark. The label of an
 * answer is the join over all of them: an aggregate may depend on any.
 */
function readableLabels(
  { decisions, policy }: Services,
  reader: Reader,
  product: Product,
): { readonly markings: ReadonlyMap<string, string>; readonly label: CanonicalLabel } {
  const markings = new Map<string, string>()
  const labels: CanonicalLabel[] = [product.dataLabel]
  for (const written of product.publication.labels) {
    const label = JSON.parse(written) as CanonicalLabel
    if (!decisions.decide(reader, 'query', label, product.domain).allowed) continue
    markings.set(written, portionMark(policy, label))
    labels.push(label)
  }
  return { markings, label: joinAll(policy, labels) }
}

/** Runs the reader's SQL over the records with one of these labels, in the engine of this host or the scale-out one. */
async function answerFrom(services: Services, product: Product, markings: ReadonlyMap<string, string>, request: QueryRequest): Promise<Answer> {
  const { store, engine, trino, limits } = services
  const { fields, publication } = product
  if (request.engine === 'trino') {
    if (trino === undefined) throw fault('E_MESH_QUERY', 'this site has no such query engine', { expected: 'duckdb', found: 'trino' })
    const { queryRows, queryBytes, querySeconds } = limits
    return trino.run({ product: product.id, fields, markings, sql: request.sql }, { mostRows: queryRows, mostBytes: queryBytes, seconds: querySeconds })
  }
  return engine.run({
    kind: 'query',
    columns: viewOf(fields, markings),
    condition: labelCondition([...markings.keys()]),
    files: await readTable(store, product.id, publication.files),
    pointer: publication.pointer,
    sql: request.sql,
    mostRows: limits.queryRows,
    mostBytes: limits.queryBytes,
    megabytes: limits.queryMegabytes,
  })
}
