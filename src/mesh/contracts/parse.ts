import { fault } from '../codes.ts'
import { dominates } from '../labels/algebra.ts'
import { checkLabel } from '../labels/label.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { ClassificationAuthority, Contract, Field, Shape, Sla } from './contract.ts'
import { breaches } from './governance.ts'
import type { Governance } from './governance.ts'
import { parseOdcs } from './odcs.ts'
import type { OdcsDocument, OdcsProperty, OdcsShape } from './odcs.ts'

/**
 * Reads a contract: form (ODCS), mandatory classification metadata, then the governance rules. Throws E_MESH_CONTRACT
 * with every fault at once, `line:column` first.
 */
export function parseContract(text: string, policy: LabelPolicy, governance: Governance): Contract {
  const { value: document, faults, at } = parseOdcs(text)
  if (document === undefined) throw fault('E_MESH_CONTRACT', 'the contract is not valid', { faults })
  const found: string[] = []
  const property = customProperties(document, at, found)
  const label = (name: string): CanonicalLabel | undefined => {
    const { value, where } = property(name)
    if (value === undefined) return undefined
    const checked = checkLabel(policy, value)
    found.push(...checked.faults.map((line) => `${where} ${name}: ${line}`))
    return checked.label
  }
  const dataLabel = label('dataLabel')
  const catalogLabel = label('catalogLabel')
  const authority = authorityOf(property('classificationAuthority'), found)
  const reference = property('referenceSchema')
  if (reference.value !== undefined && typeof reference.value !== 'string') {
    found.push(`${reference.where} referenceSchema: must be the name of a reference schema`)
  }
  const sla = slaOf(document, at, found)
  const fields = fieldsOf(document.schema[0].properties, ['schema', 0, 'properties'], at, found)
  if (dataLabel !== undefined && catalogLabel !== undefined && !dominates(policy, dataLabel, catalogLabel)) {
    found.push(`${property('catalogLabel').where} catalogLabel: must not be more restrictive than dataLabel`)
  }
  if (found.length > 0 || !dataLabel || !catalogLabel || !authority || !sla) {
    throw fault('E_MESH_CONTRACT', 'the contract is not valid', { faults: found })
  }
  const contract: Contract = {
    domain: document.domain,
    name: document.name,
    version: document.version,
    title: document.dataProduct,
    purpose: document.description.purpose,
    dataLabel,
    catalogLabel,
    authority,
    sla,
    referenceSchema: String(reference.value),
    fields,
    text,
  }
  const broken = breaches(governance, contract)
  if (broken.length > 0) {
    throw fault('E_MESH_CONTRACT', 'the contract does not meet the governance rules', {
      expected: `governance rules version ${governance.version}`,
      faults: broken,
    })
  }
  return contract
}

type At = (path: readonly (string | number)[]) => string

interface Custom {
  readonly value: unknown
  readonly where: string
}

function customProperties(document: OdcsDocument, at: At, found: string[]): (name: string) => Custom {
  const known = new Map<string, Custom>()
  for (const [index, { property, value }] of document.customProperties.entries()) {
    const where = at(['customProperties', index, 'value'])
    if (known.has(property)) found.push(`${where} customProperties: “${property}” stands twice`)
    known.set(property, { value, where })
  }
  for (const name of ['dataLabel', 'catalogLabel', 'classificationAuthority', 'referenceSchema']) {
    if (known.get(name)?.value === undefined || known.get(name)?.value === null) {
      found.push(`${at(['customProperties'])} customProperties: lacks “${name}”`)
      known.delete(name)
    }
  }
  return (name) => known.get(name) ?? { value: undefined, where: at(['customProperties']) }
}

function authorityOf({ value, where }: Custom, found: string[]): ClassificationAuthority | undefined {
  if (value === undefined) return undefined
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const keys = ['classifiedBy', 'derivedFrom', 'declassifyOn'] as const
  const before = found.length
  for (const key of keys) {
    if (typeof given[key] !== 'string' || given[key] === '') {
      found.push(`${where} classificationAuthority: lacks “${key}”`)
    }
  }
  for (const key of Object.keys(given)) {
    if (!(keys as readonly string[]).includes(key)) {
      found.push(`${where} classificationAuthority: “${key}” is not a known field`)
    }
  }
  if (found.length > before) return undefined
  const read = (key: (typeof keys)[number]): string => given[key] as string
  return { classifiedBy: read('classifiedBy'), derivedFrom: read('derivedFrom'), declassifyOn: read('declassifyOn') }
}

/** ODCS leaves units open; the mesh reads hours and percent only, so that no two products mean different things. */
function slaOf(document: OdcsDocument, at: At, found: string[]): Sla | undefined {
  const read = (property: string, unit: string, maximum: number): number => {
    const index = document.slaProperties.findIndex((item) => item.property === property)
    const item = document.slaProperties[index]
    if (item === undefined) {
      found.push(`${at(['slaProperties'])} slaProperties: lacks “${property}”`)
      return 0
    }
    const where = at(['slaProperties', index])
    if (item.unit !== unit) found.push(`${where} slaProperties.${property}: unit must be “${unit}”`)
    if (!(item.value > 0 && item.value <= maximum)) {
      found.push(`${where} slaProperties.${property}: must be above 0 and at most ${maximum}`)
    }
    return item.value
  }
  const before = found.length
  const sla = {
    freshnessHours: read('freshness', 'hours', 24 * 366),
    availabilityPercent: read('availability', 'percent', 100),
    completenessPercent: read('completeness', 'percent', 100),
  }
  return found.length > before ? undefined : sla
}

function fieldsOf(properties: readonly OdcsProperty[], path: readonly (string | number)[], at: At, found: string[]): Field[] {
  const seen = new Set<string>()
  return properties.map((property, index) => {
    const here = [...path, index]
    // SQL names ignore case: two fields that differ only in it would be one column.
    if (seen.has(property.name.toLowerCase())) found.push(`${at(here)} field ${property.name}: stands twice`)
    seen.add(property.name.toLowerCase())
    return {
      ...shapeOf(property, here, at, found),
      name: property.name,
      description: property.description ?? '',
      required: (property.required ?? false) || (property.primaryKey ?? false),
      unique: (property.unique ?? false) || (property.primaryKey ?? false),
    }
  })
}

function shapeOf(shape: OdcsShape, path: readonly (string | number)[], at: At, found: string[]): Shape {
  if (shape.properties !== undefined && shape.logicalType !== 'object') {
    found.push(`${at(path)} properties belong to logicalType object, not ${shape.logicalType}`)
  }
  if ((shape.items !== undefined) !== (shape.logicalType === 'array')) {
    found.push(`${at(path)} items belong to logicalType array, and every array has them`)
  }
  return {
    type: shape.logicalType,
    ...shape.logicalTypeOptions,
    ...(shape.properties && { fields: fieldsOf(shape.properties, [...path, 'properties'], at, found) }),
    ...(shape.items && { items: shapeOf(shape.items, [...path, 'items'], at, found) }),
  }
}
