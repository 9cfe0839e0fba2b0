import { join } from 'node:path'
import { profileOf } from './organisation.ts'
import type { PersonId } from './people.ts'
import type { Places } from './places.ts'
import { sallyport, type Ended } from './sallyport.ts'

const PRODUCTS = new URL('../../bundles/mesh/products/', import.meta.url).pathname

export function publish(places: Places, person: PersonId, product: string): Promise<Ended> {
  const folder = join(PRODUCTS, product.split('/')[1] ?? '')
  return sallyport(['mesh', 'publish', join(folder, 'contract.yaml'), '--data', join(folder, 'records.ndjson'), '--profile', profileOf(places, person)])
}

export function query(places: Places, person: PersonId, product: string, sql: string): Promise<Ended> {
  return sallyport(['mesh', 'query', product, sql, '--profile', profileOf(places, person)])
}

/** Names of the products a person finds, and their count as the catalog says it. */
export async function catalog(places: Places, person: PersonId): Promise<{ names: string[]; count: number }> {
  const ended = await sallyport(['mesh', 'catalog', '--profile', profileOf(places, person)])
  if (ended.exit !== 0) throw new Error(ended.stderr)
  const { entries, count } = ended.result as { entries: { domain: string; name: string }[]; count: number }
  return { names: entries.map(({ domain, name }) => `${domain}/${name}`), count }
}
