import type { Publishing } from '../catalog/publication.ts'
import type { Contract } from '../contracts/contract.ts'
import { registrySchema } from '../contracts/json-schema.ts'
import type { SchemaPlace, SchemaRegistry } from './registry.ts'

/** The schema of a publication that is not yet in the catalog. */
export interface PendingSchema {
  /** The publication did not come about. Throws nothing: what is left over, the next publication clears. */
  withdraw(): Promise<void>
  /** The publication stands: every version but this one has a successor now. Throws E_MESH_REGISTRY. */
  settle(): Promise<void>
}

/**
 * Brings the registry to where the catalog will be once this publication stands; the caller holds the product's lock.
 * The catalog is the one that knows what was published: a version that only the registry has is what an interrupted
 * publication left, and goes; a current version that only the catalog has is from before the site had a registry, and
 * is registered first, so that the new one is held against it. Throws E_MESH_INCOMPATIBLE, E_MESH_REGISTRY.
 */
export async function publishSchema(registry: SchemaRegistry, product: Publishing, contract: Contract): Promise<PendingSchema> {
  const place: SchemaPlace = { domain: product.domain, product: product.id }
  const { current, versions: published } = product
  const registered = (await registry.versions(place)).map(({ version }) => version)
  for (const version of registered) if (!published.includes(version)) await registry.withdraw(place, version)
  if (current !== undefined && !registered.includes(current.version)) {
    await registry.register(place, current.version, registrySchema(current.fields))
  }
  if (!product.known) await registry.register(place, contract.version, registrySchema(contract.fields))
  return {
    async withdraw() {
      if (!product.known) await registry.withdraw(place, contract.version).catch(() => undefined)
    },
    async settle() {
      for (const { version, deprecated } of await registry.versions(place)) {
        if (version !== contract.version && !deprecated) await registry.deprecate(place, version)
      }
    },
  }
}
