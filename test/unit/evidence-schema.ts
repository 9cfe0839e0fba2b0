import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'

const SCHEMAS = new URL('../schemas/', import.meta.url)
const read = (path: string): object => JSON.parse(readFileSync(new URL(path, SCHEMAS), 'utf8')) as object

let cyclonedx: ValidateFunction | undefined

/** Holds a document against the JSON Schema that CycloneDX publishes, and against what the schema cannot say: each bom-ref once, each reference to one. */
export function assertCycloneDx(bytes: Uint8Array): CycloneDx {
  if (cyclonedx === undefined) {
    const ajv = new Ajv({ strict: false, allErrors: true })
    formats.default(ajv)
    for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true)
    for (const name of ['spdx', 'jsf-0.82']) {
      const file = `${name}.SNAPSHOT.schema.json`
      ajv.addSchema({ ...read(`cyclonedx/${file}`), $id: `http://cyclonedx.org/schema/${file}` })
    }
    cyclonedx = ajv.compile(read('cyclonedx/bom-1.6.SNAPSHOT.schema.json'))
  }
  const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as CycloneDx
  assert.ok(cyclonedx(document), JSON.stringify(cyclonedx.errors?.slice(0, 5), null, 2))
  const refs: string[] = []
  const walk = (components: readonly CycloneDxComponent[] = []): void => {
    for (const one of components) {
      refs.push(one['bom-ref'])
      walk(one.components)
    }
  }
  walk([document.metadata.component, ...(document.components ?? [])])
  assert.deepEqual(refs.filter((ref, at) => refs.indexOf(ref) !== at), [])
  const named = new Set(refs)
  for (const { ref, dependsOn = [] } of document.dependencies ?? []) for (const one of [ref, ...dependsOn]) assert.ok(named.has(one), `${one} is no component`)
  return document
}

export interface CycloneDxComponent {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version?: string
  readonly purl?: string
  readonly scope?: string
  readonly hashes?: readonly { alg: string; content: string }[]
  readonly licenses?: readonly object[]
  readonly properties?: readonly { name: string; value: string }[]
  readonly evidence?: { readonly occurrences?: readonly { location: string }[] }
  readonly externalReferences?: readonly { type: string; url: string; hashes?: { alg: string; content: string }[] }[]
  readonly components?: readonly CycloneDxComponent[]
}

export interface CycloneDx {
  readonly serialNumber: string
  readonly metadata: { readonly component: CycloneDxComponent }
  readonly components?: readonly CycloneDxComponent[]
  readonly dependencies?: readonly { ref: string; dependsOn?: string[] }[]
}

/** Every path that a document of an image accounts for: under a package, or by itself. */
export function accountedFor({ components = [] }: CycloneDx): { owned: Map<string, string>; unowned: string[] } {
  const owned = new Map<string, string>()
  for (const { name, evidence } of components) for (const { location } of evidence?.occurrences ?? []) owned.set(location, name)
  return { owned, unowned: components.filter(({ type }) => type === 'file').map(({ name }) => name) }
}
