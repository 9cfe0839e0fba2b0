import type { Field, Shape } from './contract.ts'

/** A contract's fields as JSON Schema, without what is not about shape: descriptions, uniqueness, labels. */
export function objectSchema(fields: readonly Field[]): object {
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, shapeSchema(field)])),
    required: fields.filter((field) => field.required).map((field) => field.name),
    additionalProperties: false,
  }
}

function shapeSchema(shape: Shape): object {
  const { minimum, maximum, minLength, maxLength } = shape
  switch (shape.type) {
    case 'date':
      return { type: 'string', format: 'date' }
    case 'timestamp':
      return { type: 'string', format: 'date-time' }
    case 'integer':
      // JSON numbers beyond 2^53 lose digits on their way through any JavaScript or Python reader.
      return {
        type: 'integer',
        minimum: minimum ?? Number.MIN_SAFE_INTEGER,
        maximum: maximum ?? Number.MAX_SAFE_INTEGER,
      }
    case 'number':
      return { type: 'number', ...given({ minimum, maximum }) }
    case 'string':
      return { type: 'string', ...given({ minLength, maxLength }) }
    case 'boolean':
      return { type: 'boolean' }
    case 'array':
      return { type: 'array', items: shape.items === undefined ? {} : shapeSchema(shape.items) }
    case 'object':
      return shape.fields === undefined ? { type: 'object' } : objectSchema(shape.fields)
  }
}

const given = (options: Record<string, number | undefined>): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/**
 * The same as a whole document of draft-07, closed at every object with declared fields: a consumer of one version can
 * then read whatever a compatible later one holds. Draft 2020-12 is not for the registry: Apicurio (3.0.9, 3.3.3) takes a
 * first version of it and fails on comparing the second.
 */
export function registrySchema(fields: readonly Field[]): string {
  return JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...objectSchema(fields) })
}
