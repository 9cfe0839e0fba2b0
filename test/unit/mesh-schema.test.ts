import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import addFormatsModule from 'ajv-formats'
import type { Field } from '../../src/mesh/contracts/contract.ts'
import { registrySchema } from '../../src/mesh/contracts/json-schema.ts'

const addFormats = addFormatsModule as unknown as (ajv: Ajv) => void
const field = (name: string, more: Partial<Field>): Field => ({ name, description: 'SECRET words', type: 'string', required: false, unique: false, ...more })

const fields: readonly Field[] = [
  field('id', { required: true, unique: true, minLength: 2 }),
  field('seen', { type: 'timestamp' }),
  field('day', { type: 'date' }),
  field('score', { type: 'number', minimum: 0, maximum: 1 }),
  field('parts', { type: 'array', items: { type: 'object', fields: [field('n', { type: 'integer', required: true })] } }),
  field('free', { type: 'object' }),
]

test('the schema of the registry is draft-07, closed, and says nothing but shapes', () => {
  const text = registrySchema(fields)
  const schema = JSON.parse(text) as Record<string, unknown>
  assert.equal(schema['$schema'], 'http://json-schema.org/draft-07/schema#')
  assert.doesNotMatch(text, /SECRET|description|unique/)
  assert.equal(text.match(/"additionalProperties":false/g)?.length, 2)
  const ajv = new Ajv({ strict: true, strictRequired: false })
  addFormats(ajv)
  const validate = ajv.compile(schema)
  const good = { id: 'ab', seen: '2026-11-22T00:00:00Z', day: '2026-11-22', score: 0.5, parts: [{ n: 1 }], free: { any: 1 } }
  assert.ok(validate(good), JSON.stringify(validate.errors))
  for (const bad of [{}, { ...good, more: 1 }, { ...good, parts: [{}] }, { ...good, score: 2 }, { ...good, day: 'x' }]) {
    assert.equal(validate(bad), false, JSON.stringify(bad))
  }
})

test('the same contract gives the same bytes', () => {
  assert.equal(registrySchema(fields), registrySchema(structuredClone(fields) as readonly Field[]))
})
