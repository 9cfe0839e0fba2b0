import { parserOf } from '../input/parse.ts'
import type { Parsed } from '../input/parse.ts'
import type { LogicalType } from './contract.ts'

/** The part of the Open Data Contract Standard v3 (3.0 and 3.1, bitol.io) that the mesh reads; own-written schema. */
export interface OdcsDocument {
  readonly apiVersion: string
  readonly kind: 'DataContract'
  readonly id: string
  readonly version: string
  readonly status: 'active'
  readonly domain: string
  readonly name: string
  readonly dataProduct: string
  readonly description: { readonly purpose: string; readonly limitations?: string; readonly usage?: string }
  readonly schema: readonly [OdcsObject]
  readonly slaProperties: readonly { readonly property: string; readonly value: number; readonly unit: string }[]
  readonly customProperties: readonly { readonly property: string; readonly value: unknown }[]
}

export interface OdcsObject {
  readonly name: string
  readonly description?: string
  readonly properties: readonly OdcsProperty[]
}

export interface OdcsShape {
  readonly logicalType: LogicalType
  readonly logicalTypeOptions?: {
    readonly minimum?: number
    readonly maximum?: number
    readonly minLength?: number
    readonly maxLength?: number
  }
  readonly properties?: readonly OdcsProperty[]
  readonly items?: OdcsShape
}

export interface OdcsProperty extends OdcsShape {
  readonly name: string
  readonly description?: string
  readonly required?: boolean
  readonly unique?: boolean
  readonly primaryKey?: boolean
}

const text = { type: 'string', minLength: 1, maxLength: 4000 } as const
const slug = { type: 'string', pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$', maxLength: 63 } as const
const anything = {}

const options = {
  type: 'object',
  properties: {
    minimum: { type: 'number' },
    maximum: { type: 'number' },
    minLength: { type: 'integer', minimum: 0 },
    maxLength: { type: 'integer', minimum: 0 },
  },
  additionalProperties: false,
} as const

/** Keys of a property that mean nothing to the mesh and are allowed because other ODCS tools use them. */
const described = {
  id: text,
  physicalName: text,
  physicalType: text,
  businessName: text,
  classification: text,
  tags: { type: 'array', items: text },
  examples: { type: 'array', items: anything },
  quality: anything,
  authoritativeDefinitions: anything,
} as const

const logicalType = {
  enum: ['string', 'date', 'timestamp', 'number', 'integer', 'boolean', 'object', 'array'],
} as const

const shape = {
  logicalType,
  logicalTypeOptions: options,
  properties: { type: 'array', minItems: 1, items: { $ref: '#/$defs/property' } },
  items: { $ref: '#/$defs/items' },
} as const

const SCHEMA = {
  type: 'object',
  required: [
    'apiVersion',
    'kind',
    'id',
    'version',
    'status',
    'domain',
    'name',
    'dataProduct',
    'description',
    'schema',
    'slaProperties',
    'customProperties',
  ],
  additionalProperties: false,
  properties: {
    apiVersion: { type: 'string', pattern: '^v3\\.[01]\\.\\d+$' },
    kind: { const: 'DataContract' },
    id: { type: 'string', format: 'uuid' },
    version: { type: 'string', pattern: '^\\d{1,6}\\.\\d{1,6}\\.\\d{1,6}$' },
    status: { const: 'active' },
    domain: slug,
    name: slug,
    dataProduct: text,
    tenant: text,
    tags: { type: 'array', items: text },
    description: {
      type: 'object',
      required: ['purpose'],
      additionalProperties: false,
      properties: { purpose: text, limitations: text, usage: text },
    },
    schema: {
      type: 'array',
      minItems: 1,
      maxItems: 1,
      items: {
        type: 'object',
        required: ['name', 'logicalType', 'properties'],
        additionalProperties: false,
        properties: {
          ...described,
          name: text,
          description: text,
          logicalType: { const: 'object' },
          properties: { type: 'array', minItems: 1, maxItems: 500, items: { $ref: '#/$defs/property' } },
        },
      },
    },
    slaProperties: {
      type: 'array',
      items: {
        type: 'object',
        required: ['property', 'value', 'unit'],
        additionalProperties: false,
        properties: { id: text, property: text, value: { type: 'number' }, unit: text, element: text, driver: text },
      },
    },
    customProperties: {
      type: 'array',
      items: {
        type: 'object',
        required: ['property', 'value'],
        additionalProperties: false,
        properties: { id: text, property: text, value: anything, description: text },
      },
    },
    team: anything,
    support: anything,
    authoritativeDefinitions: anything,
    contractCreatedTs: { type: 'string', format: 'date-time' },
  },
  $defs: {
    property: {
      type: 'object',
      required: ['name', 'logicalType'],
      additionalProperties: false,
      properties: {
        ...described,
        ...shape,
        // A leading underscore is the mesh's: `_label` in records, `_marking` in queries.
        name: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_]*$', maxLength: 63 },
        description: text,
        required: { type: 'boolean' },
        unique: { type: 'boolean' },
        primaryKey: { type: 'boolean' },
      },
    },
    items: {
      type: 'object',
      required: ['logicalType'],
      additionalProperties: false,
      properties: { ...described, ...shape, description: text },
    },
  },
} as const

const parse = parserOf<OdcsDocument>(SCHEMA)

export function parseOdcs(source: string): Parsed<OdcsDocument> {
  return parse(source)
}
