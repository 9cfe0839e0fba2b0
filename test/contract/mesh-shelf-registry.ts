import { fault } from '../../src/mesh/codes.ts'
import type { RegisteredVersion, SchemaPlace, SchemaRegistry } from '../../src/mesh/schemas/registry.ts'

/**
 * A schema registry on a shelf in memory, for tests of what is built on one: those need it to fail between two steps. Its
 * one rule: what is required stays what it was. The real rules, and the client for them, are proven against Apicurio in
 * the journeys.
 */
export class ShelfRegistry implements SchemaRegistry {
  readonly #versions = new Map<string, Map<string, { schema: string; deprecated: boolean }>>()
  failing: 'register' | 'deprecate' | undefined

  async versions(place: SchemaPlace): Promise<readonly RegisteredVersion[]> {
    return [...this.#of(place)].map(([version, { deprecated }]) => ({ version, deprecated }))
  }

  async register(place: SchemaPlace, version: string, schema: string): Promise<void> {
    if (this.failing === 'register') throw fault('E_MESH_REGISTRY', 'away')
    const versions = this.#of(place)
    if (versions.has(version)) throw fault('E_MESH_REGISTRY', `version ${version} is there already`)
    const latest = [...versions.values()].at(-1)
    if (latest !== undefined && required(latest.schema) !== required(schema)) {
      throw fault('E_MESH_INCOMPATIBLE', `version ${version} breaks its consumers`, { faults: ['/required: changed'] })
    }
    versions.set(version, { schema, deprecated: false })
  }

  async withdraw(place: SchemaPlace, version: string): Promise<void> {
    this.#of(place).delete(version)
  }

  async deprecate(place: SchemaPlace, version: string): Promise<void> {
    const one = this.#of(place).get(version)
    if (this.failing === 'deprecate' || one === undefined) throw fault('E_MESH_REGISTRY', 'away')
    one.deprecated = true
  }

  async check(): Promise<string> {
    if (this.failing !== undefined) throw fault('E_MESH_REGISTRY', 'away')
    return 'rules'
  }

  /** Everything on the shelf, one line a version: `domain product version state`. */
  lines(): readonly string[] {
    return [...this.#versions].flatMap(([place, versions]) =>
      [...versions].map(([version, { deprecated }]) => `${place} ${version} ${deprecated ? 'deprecated' : 'current'}`),
    )
  }

  schema(place: SchemaPlace, version: string): string {
    return this.#of(place).get(version)?.schema ?? ''
  }

  #of({ domain, product }: SchemaPlace) {
    const name = `${domain} ${product}`
    const versions = this.#versions.get(name) ?? new Map<string, { schema: string; deprecated: boolean }>()
    this.#versions.set(name, versions)
    return versions
  }
}

const required = (schema: string): string => JSON.stringify((JSON.parse(schema) as { required: unknown }).required)
