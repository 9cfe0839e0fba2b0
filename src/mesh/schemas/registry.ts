import { fault } from '../codes.ts'
import type { MeshFault } from '../fault.ts'

/** Where a schema stands in the registry: opaque ids of a domain and of a product. */
export interface SchemaPlace {
  readonly domain: string
  readonly product: string
}

export interface RegisteredVersion {
  readonly version: string
  readonly deprecated: boolean
}

/** What the control plane needs of a schema registry; every call throws E_MESH_REGISTRY when it does not do it. */
export interface SchemaRegistry {
  /** Versions registered so far; none for a product that it does not know. */
  versions(place: SchemaPlace): Promise<readonly RegisteredVersion[]>
  /** Registers a new version. Throws E_MESH_INCOMPATIBLE with the registry's reasons: then nothing was changed. */
  register(place: SchemaPlace, version: string, schema: string): Promise<void>
  /** Removes a version that nobody has seen. */
  withdraw(place: SchemaPlace, version: string): Promise<void>
  /** Marks a version that has a successor. */
  deprecate(place: SchemaPlace, version: string): Promise<void>
  /** For the health check: a line for a person. */
  check(): Promise<string>
}

export function registryFault(message: string, found: string, cause?: unknown): MeshFault {
  return fault('E_MESH_REGISTRY', message, { found, ...(cause !== undefined && { cause }) })
}
