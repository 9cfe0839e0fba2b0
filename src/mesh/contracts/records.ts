import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import addFormatsModule from 'ajv-formats'
import { fault } from '../codes.ts'
import { aboveCeiling, join, joinAll } from '../labels/algebra.ts'
import type { Ceiling } from '../labels/algebra.ts'
import { checkLabel } from '../labels/label.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { Contract } from './contract.ts'
import type { Governance } from './governance.ts'
import { objectSchema } from './json-schema.ts'

const addFormats = addFormatsModule as unknown as (ajv: Ajv) => void

/** A fault list is for a person: it is cut here, and says so. */
const MOST_FAULTS = 50

export type PlainRecord = Readonly<Record<string, unknown>>

export interface LabelledRecord {
  /** Join of the contract's data label and the record's own. */
  readonly label: CanonicalLabel
  /** The record without `_label`. */
  readonly record: PlainRecord
}

export interface CheckedRecords {
  readonly records: readonly LabelledRecord[]
  /** Join of all, at least the contract's data label. */
  readonly label: CanonicalLabel
  /** Share of the contract's fields that have a value, 0 to 1, over all records; of no records, 1. */
  readonly completeness: number
}

/**
 * Holds records against the contract's schema, its reference schema, uniqueness, the label policy and the ceiling.
 * Throws E_MESH_RECORDS or E_MESH_CEILING naming every fault (cut after 50): all records are accepted, or none.
 */
export function checkRecords(
  contract: Contract,
  given: readonly PlainRecord[],
  policy: LabelPolicy,
  governance: Governance,
  ceiling: Ceiling,
): CheckedRecords {
  const reference = governance.references.get(contract.referenceSchema)?.validate
  const most = governance.rules.maximumRecords
  if (given.length > most) {
    throw fault('E_MESH_RECORDS', 'too many records', { expected: `at most ${most}`, found: String(given.length) })
  }
  const validate = recordValidator(contract)
  const unique = contract.fields.filter((field) => field.unique).map((field) => ({ name: field.name, seen: new Set<string>() }))
  const faults: string[] = []
  const above: string[] = []
  const records = given.map((whole, index): LabelledRecord => {
    const { _label: written, ...record } = whole
    const say = (line: string): unknown => faults.push(`record ${index + 1}: ${line}`)
    check(validate, record, say)
    if (reference !== undefined) check(reference, record, (line) => say(`${contract.referenceSchema}: ${line}`))
    for (const { name, seen } of unique) {
      const value = JSON.stringify(record[name])
      if (value !== undefined && seen.has(value)) say(`${name}: ${value} stands twice`)
      seen.add(value)
    }
    let label = contract.dataLabel
    if (written !== undefined) {
      const checked = checkLabel(policy, written, 'policy-implied')
      for (const line of checked.faults) say(`_label: ${line}`)
      if (checked.label !== undefined) label = join(policy, label, checked.label)
    }
    above.push(...aboveCeiling(policy, label, ceiling).map((line) => `record ${index + 1}: ${line}`))
    return { label, record }
  })
  if (above.length > 0) throw fault('E_MESH_CEILING', 'records are above the ceiling', { faults: cut(above) })
  if (faults.length > 0) throw fault('E_MESH_RECORDS', 'records do not follow the contract', { faults: cut(faults) })
  const values = records.reduce(
    (count, { record }) => count + contract.fields.filter(({ name }) => record[name] !== undefined).length,
    0,
  )
  return {
    records,
    label: joinAll(policy, [contract.dataLabel, ...new Set(records.map((item) => item.label))]),
    completeness: records.length === 0 ? 1 : values / (records.length * contract.fields.length),
  }
}

function recordValidator(contract: Contract): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false })
  addFormats(ajv)
  return ajv.compile(objectSchema(contract.fields))
}

function check(validate: ValidateFunction, record: PlainRecord, say: (line: string) => void): void {
  if (validate(record)) return
  for (const error of validate.errors ?? []) say(wording(error))
}

function wording(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.')
  const extra = error.keyword === 'additionalProperties' ? ` (${String(error.params['additionalProperty'])})` : ''
  const constant = error.keyword === 'const' ? ` ${JSON.stringify(error.params['allowedValue'])}` : ''
  return `${path === '' ? '' : `${path}: `}${error.message ?? 'is not valid'}${extra}${constant}`
}

function cut(lines: readonly string[]): readonly string[] {
  return lines.length <= MOST_FAULTS ? lines : [...lines.slice(0, MOST_FAULTS), `and ${lines.length - MOST_FAULTS} more`]
}
