import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plainValue, type TrinoType } from '../../src/mesh/lake/trino-values.ts'

const type = (rawType: string, ...inner: readonly TrinoType[]): TrinoType => ({ rawType, arguments: inner.map((value) => ({ kind: 'TYPE', value })) })
const row = (fields: Readonly<Record<string, TrinoType>>): TrinoType => ({
  rawType: 'row',
  arguments: Object.entries(fields).map(([name, typeSignature]) => ({ kind: 'NAMED_TYPE', value: { fieldName: { name }, typeSignature } })),
})

describe('a value of Trino’s answer looks as the gateway’s own engine gives it', () => {
  test('a whole number of 64 bits is text, so that no digit is lost', () => {
    assert.equal(plainValue(type('bigint'), 12), '12')
    assert.equal(plainValue(type('integer'), 12), 12)
    assert.equal(plainValue(type('double'), 0.5), 0.5)
  })

  test('times', () => {
    const zoned = type('timestamp with time zone')
    assert.equal(plainValue(zoned, '2026-11-20 00:05:00.000000 UTC'), '2026-11-20 00:05:00+00')
    assert.equal(plainValue(zoned, '2026-11-20 00:05:00.120000 UTC'), '2026-11-20 00:05:00.12+00')
    assert.equal(plainValue(zoned, '2026-11-20 00:05:10 UTC'), '2026-11-20 00:05:10+00')
    assert.equal(plainValue(zoned, '2026-11-20 01:05:00.000 Europe/Paris'), '2026-11-20 01:05:00.000 Europe/Paris')
    assert.equal(plainValue(type('timestamp'), '2026-11-20 00:05:00.100'), '2026-11-20 00:05:00.1')
  })

  test('what is nested', () => {
    const nested = type('array', row({ n: type('bigint'), at: type('timestamp with time zone') }))
    assert.deepEqual(plainValue(nested, [[1, '2026-11-20 00:05:00.000000 UTC'], null]), [{ n: '1', at: '2026-11-20 00:05:00+00' }, null])
    assert.equal(plainValue(nested, null), null)
    assert.equal(plainValue(undefined, 'as it is'), 'as it is')
  })
})
