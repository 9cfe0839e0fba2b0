import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import type { ValidateFunction } from 'ajv'
import addFormatsModule from 'ajv-formats'
import { fault } from '../codes.ts'
import { parserOf } from '../input/parse.ts'
import type { Contract } from './contract.ts'

const addFormats = addFormatsModule as unknown as (ajv: Ajv) => void

/** What the stewardship board requires of every contract: data, kept in `governance/` beside the reference schemas. */
export interface Governance {
  readonly version: string
  readonly rules: GovernanceRules
  readonly references: ReadonlyMap<string, ReferenceSchema>
}

export interface GovernanceRules {
  readonly maximumFreshnessHours: number
  readonly minimumAvailabilityPercent: number
  readonly minimumCompletenessPercent: number
  readonly minimumPurposeCharacters: number
  readonly fieldDescriptions: boolean
  readonly maximumRecords: number
}

export interface ReferenceSchema {
  readonly title: string
  /** Top-level fields that a contract must declare. */
  readonly required: readonly string[]
  readonly validate: ValidateFunction
}

interface GovernanceFile {
  readonly version: string
  readonly rules: GovernanceRules
  readonly referenceSchemas: readonly { readonly name: string; readonly file: string }[]
}

const percent = { type: 'number', minimum: 0, maximum: 100 } as const
const strict = (properties: Record<string, unknown>): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

const parse = parserOf<GovernanceFile>(
  strict({
    version: { type: 'string', minLength: 1 },
    rules: strict({
      maximumFreshnessHours: { type: 'number', exclusiveMinimum: 0 },
      minimumAvailabilityPercent: percent,
      minimumCompletenessPercent: percent,
      minimumPurposeCharacters: { type: 'integer', minimum: 0 },
      fieldDescriptions: { type: 'boolean' },
      maximumRecords: { type: 'integer', minimum: 1 },
    }),
    referenceSchemas: {
      type: 'array',
      minItems: 1,
      items: strict({
        name: { type: 'string', pattern: '^[a-z][a-z0-9.-]*$' },
        file: { type: 'string', pattern: '^[a-z0-9.-]+\\.schema\\.json$' },
      }),
    },
  }),
)

/** Reads `governance.yaml` and the reference schemas (JSON Schema draft-07) in the folder. Throws E_MESH_CONFIG. */
export async function readGovernance(folder: string): Promise<Governance> {
  const read = (file: string): Promise<string> =>
    readFile(join(folder, file), 'utf8').catch((cause: unknown) => {
      throw fault('E_MESH_CONFIG', `cannot read the governance file ${file}`, { found: String(cause), cause })
    })
  const { value, faults } = parse(await read('governance.yaml'))
  if (value === undefined) throw fault('E_MESH_CONFIG', 'governance.yaml is not valid', { faults })
  const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true })
  addFormats(ajv)
  const references = new Map<string, ReferenceSchema>()
  for (const { name, file } of value.referenceSchemas) {
    try {
      const schema = JSON.parse(await read(file)) as { title?: string; required?: string[] }
      const validate = ajv.compile(schema)
      references.set(name, { title: schema.title ?? name, required: schema.required ?? [], validate })
    } catch (cause) {
      throw fault('E_MESH_CONFIG', `the reference schema ${file} cannot be used`, { found: String(cause), cause })
    }
  }
  return { version: value.version, rules: value.rules, references }
}

/** One line for each rule the contract breaks. */
export function breaches(governance: Governance, contract: Contract): readonly string[] {
  const { rules } = governance
  const found: string[] = []
  const least = (what: string, value: number, minimum: number): void => {
    if (value < minimum) found.push(`${what} is ${value}, governance requires at least ${minimum}`)
  }
  least('slaProperties.availability', contract.sla.availabilityPercent, rules.minimumAvailabilityPercent)
  least('slaProperties.completeness', contract.sla.completenessPercent, rules.minimumCompletenessPercent)
  least('length of description.purpose', contract.purpose.length, rules.minimumPurposeCharacters)
  if (contract.sla.freshnessHours > rules.maximumFreshnessHours) {
    found.push(
      `slaProperties.freshness is ${contract.sla.freshnessHours} h, governance allows at most ${rules.maximumFreshnessHours} h`,
    )
  }
  if (rules.fieldDescriptions) {
    for (const field of contract.fields) {
      if (field.description === '') found.push(`field ${field.name} lacks a description`)
    }
  }
  const reference = governance.references.get(contract.referenceSchema)
  if (reference === undefined) {
    const known = [...governance.references.keys()].join(', ')
    found.push(`referenceSchema “${contract.referenceSchema}” is none of ${known}`)
  } else {
    const declared = new Map(contract.fields.map((field) => [field.name, field]))
    for (const name of reference.required) {
      if (declared.get(name)?.required !== true) {
        found.push(`${contract.referenceSchema} needs the field ${name}: declare it with required: true`)
      }
    }
  }
  return found
}
