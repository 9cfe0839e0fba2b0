import { FORMATS } from '../../evidence/advisories/snapshot.ts'

const name = { type: 'string', pattern: '^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$' } as const
const text = { type: 'string', minLength: 1 } as const
/** Beside the definition: never absolute. */
const beside = { type: 'string', pattern: '^[^/].*$', maxLength: 4096 } as const
const sequence = { type: 'integer', minimum: 1 } as const
const words = { type: 'array', items: text, uniqueItems: true } as const

function closed(properties: Record<string, unknown>, required: readonly string[]): Record<string, unknown> {
  return { type: 'object', properties, required, additionalProperties: false }
}

const list = (items: unknown): Record<string, unknown> => ({ type: 'array', items })

export const ECOSYSTEMS = ['apt', 'npm', 'pypi', 'maven', 'go', 'terraform', 'galaxy', 'git', 'rpm', 'file'] as const

const PROPERTIES = {
  apiVersion: { const: 'sallyport/v1' },
  kind: { enum: ['release', 'advisory', 'trust', 'content'] },
  name,
  version: text,
  sequence,
  extends: beside,
  overlay: beside,
  marking: closed({ policy: text, policyVersion: text, level: text, categories: words, releasability: words }, [
    'level',
  ]),
  targets: {
    ...list(closed({ os: text, release: text, architecture: text }, ['os', 'release', 'architecture'])),
    minItems: 1,
    maxItems: 1,
  },
  upgradesFrom: list(
    closed({ name, minSequence: sequence, maxSequence: sequence }, ['name', 'minSequence', 'maxSequence']),
  ),
  mirrors: list(
    closed(
      {
        name,
        ecosystem: { enum: ECOSYSTEMS },
        suites: words,
        packages: { ...words, minItems: 1 },
        list: beside,
        repository: closed({ from: beside, keys: { ...list(beside), minItems: 1 } }, ['from', 'keys']),
        files: { ...list(closed({ from: beside, path: text }, ['from', 'path'])), minItems: 1 },
      },
      ['name', 'ecosystem'],
    ),
  ),
  images: list(
    closed({ name, recipe: beside, oci: closed({ layout: text, archive: text, registry: text }, []) }, ['name']),
  ),
  iac: list(closed({ name, kind: name, from: beside }, ['name', 'kind', 'from'])),
  advisories: list(
    closed({ name, format: { enum: FORMATS }, from: beside, dated: { type: 'string', pattern: '^20\\d{2}-\\d{2}-\\d{2}$', description: 'a day such as 2026-11-20' } }, ['name', 'format', 'from', 'dated']),
  ),
  vex: { ...list(beside), uniqueItems: true },
} as const

/** JSON Schema of a bundle.yaml that stands alone. */
export const DEFINITION_SCHEMA = closed(PROPERTIES, [
  'apiVersion',
  'kind',
  'name',
  'version',
  'sequence',
  'marking',
  'targets',
])

/** JSON Schema of a bundle.yaml that extends another: it says only what differs. */
export const RELEASE_SCHEMA = closed(PROPERTIES, ['apiVersion', 'extends', 'version', 'sequence'])
