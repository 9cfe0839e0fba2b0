import type { CatalogAnswer, CatalogEntry } from '../api.ts'
import type { Connection } from '../audit/event.ts'
import { fault } from '../codes.ts'
import type { Shape } from '../contracts/contract.ts'
import type { Reader } from '../identity/reader.ts'
import { joinAll } from '../labels/algebra.ts'
import { banner } from '../labels/marking.ts'
import type { Services } from '../services.ts'
import type { Product } from './product.ts'

/** Searches what the reader may know of. The access is in the audit log before the answer. */
export async function searchCatalog(
  services: Services,
  reader: Reader,
  connection: Connection,
  text: string,
): Promise<CatalogAnswer> {
  const { catalog, decisions, audit, policy } = services
  const { count, products } = await catalog.search(text, (first) => decisions.condition(reader, 'discover', first))
  const entries = await Promise.all(products.map((product) => describe(services, reader, product)))
  const label = joinAll(policy, products.map((product) => product.catalogLabel))
  await audit.record({
    act: 'search',
    allowed: true,
    reasons: ['filtered-by-policy'],
    reader,
    connection,
    products: products.map(({ id, domain, name }) => ({ id, domain, name })),
    ...(text !== '' && { text }),
    label,
  })
  return { count, entries, marking: banner(policy, label) }
}

/** One entry. Throws E_MESH_NOT_FOUND alike for what does not exist and for what the reader may not know of. */
export async function showEntry(
  services: Services,
  reader: Reader,
  connection: Connection,
  domain: string,
  name: string,
): Promise<CatalogEntry> {
  const { catalog, decisions, audit } = services
  const visible = await catalog.entry(domain, name, (first) => decisions.condition(reader, 'discover', first))
  const existing = await catalog.existing(domain, name)
  const decision = existing && decisions.decide(reader, 'discover', existing.catalogLabel, domain)
  await audit.record({
    act: 'entry',
    allowed: visible !== undefined,
    reasons: decision?.reasons ?? ['unknown-product'],
    reader,
    connection,
    products: existing === undefined ? [] : [{ id: existing.id, domain, name }],
    ...(existing && { label: existing.catalogLabel }),
    text: `${domain}/${name}`,
  })
  if (visible === undefined) throw fault('E_MESH_NOT_FOUND', 'no such product for this reader')
  const [entry, versions] = await Promise.all([describe(services, reader, visible), catalog.versions(visible)])
  return { ...entry, versions: versions.map((one) => ({ ...one, since: one.since.toISOString() })) }
}

/** Whether the promise of freshness holds at this moment. */
export function isFresh(product: Product, at: Date): boolean {
  return at.getTime() - product.publication.at.getTime() <= product.sla.freshnessHours * 3_600_000
}

async function describe(services: Services, reader: Reader, product: Product): Promise<CatalogEntry> {
  const { policy, now } = services
  const added: Record<string, unknown> = {}
  for (const extension of services.extensions) {
    const value = await extension.describe?.(product, reader)
    if (value !== undefined) added[extension.name] = value
  }
  return {
    id: product.id,
    domain: product.domain,
    name: product.name,
    version: product.version,
    title: product.title,
    purpose: product.purpose,
    label: product.catalogLabel,
    marking: banner(policy, product.catalogLabel),
    dataMarking: banner(policy, product.dataLabel),
    sla: product.sla,
    refreshedAt: product.publication.at.toISOString(),
    fresh: isFresh(product, now()),
    referenceSchema: product.referenceSchema,
    fields: product.fields.map((field) => ({
      name: field.name,
      type: typeName(field),
      description: field.description,
    })),
    classification: product.authority,
    ...(Object.keys(added).length > 0 && { extensions: added }),
  }
}

function typeName(shape: Shape): string {
  return shape.type === 'array' && shape.items !== undefined ? `array of ${typeName(shape.items)}` : shape.type
}
