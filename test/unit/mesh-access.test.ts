import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { decisionPoint } from '../../src/mesh/access/decide.ts'
import type { Reader } from '../../src/mesh/identity/reader.ts'
import { join } from '../../src/mesh/labels/algebra.ts'
import { canonicalLabel } from '../../src/mesh/labels/label.ts'
import { parseLabelPolicy } from '../../src/mesh/labels/policy.ts'

const file = new URL('../../bundles/mesh/images/control-plane/label-policy.json', import.meta.url)
const policy = parseLabelPolicy(readFileSync(file, 'utf8'), 'label-policy.json')
const point = decisionPoint(policy)

const reader: Reader = {
  subject: 's-1',
  name: 'analyst',
  clearance: 'SECRET',
  caveats: ['AZURE'],
  nationality: 'GBR',
  organisation: 'org',
  certificate: 'c',
  token: 't',
}
const label = (level: string, categories: string[] = [], nations: string[] = ['GBR', 'CAN']) =>
  canonicalLabel(policy, level, categories, nations)
const decide = (who: Reader, act: 'discover' | 'query' | 'publish', what = label('SECRET')) =>
  point.decide(who, act, what, 'geoint')

test('a cleared, releasable reader may discover and query', () => {
  for (const act of ['discover', 'query'] as const) {
    assert.deepEqual(decide(reader, act, label('SECRET', ['AZURE'])), {
      allowed: true,
      reasons: ['read-is-for-cleared-people'],
    })
  }
})

for (const [what, who, thing, reason] of [
  ['a higher level', reader, label('TOP SECRET'), 'clearance-too-low'],
  ['a category not held', reader, label('SECRET', ['CINDER']), 'category-not-held'],
  ['no release to the nation', { ...reader, nationality: 'FRA' }, label('SECRET'), 'not-releasable'],
  ['owner only', reader, label('SECRET', [], []), 'not-releasable'],
  ['an unknown clearance', { ...reader, clearance: 'COSMIC' }, label('UNCLASSIFIED'), 'clearance-too-low'],
] as const) {
  test(`${what} is denied and says why`, () => {
    assert.deepEqual(decide(who, 'query', thing), { allowed: false, reasons: [reason] })
  })
}

test('every reason is named', () => {
  assert.deepEqual(decide({ ...reader, nationality: 'FRA' }, 'query', label('TOP SECRET', ['CINDER'])).reasons, [
    'category-not-held',
    'clearance-too-low',
    'not-releasable',
  ])
})

test('only the own domain publishes, within the own clearance', () => {
  assert.deepEqual(decide(reader, 'publish').reasons, ['other-domain'])
  assert.deepEqual(decide({ ...reader, domain: 'sigint' }, 'publish').reasons, ['other-domain'])
  assert.equal(decide({ ...reader, domain: 'geoint' }, 'publish').allowed, true)
  const above = decide({ ...reader, domain: 'geoint' }, 'publish', label('TOP SECRET'))
  assert.deepEqual(above.reasons, ['clearance-too-low'])
})

test('an act nobody knows is denied', () => {
  assert.deepEqual(decide(reader, 'delete' as 'query'), { allowed: false, reasons: ['policy-error'] })
})

const labels = fc
  .tuple(
    fc.constantFrom(...policy.levels.keys()),
    fc.subarray([...policy.categories.keys()]),
    fc.subarray([...policy.nations]),
  )
  .map(([level, categories, nations]) => canonicalLabel(policy, level, categories, nations))
const readers = fc
  .record({
    clearance: fc.constantFrom(...policy.levels.keys()),
    caveats: fc.subarray([...policy.categories.keys()]),
    nationality: fc.constantFrom(...policy.nations),
  })
  .map((claims): Reader => ({ ...reader, ...claims }))

test('whoever may read a join may read each part, and the other way round', () => {
  fc.assert(
    fc.property(readers, labels, labels, (who, a, b) => {
      const both = decide(who, 'query', a).allowed && decide(who, 'query', b).allowed
      assert.equal(decide(who, 'query', join(policy, a, b)).allowed, both)
    }),
    { numRuns: 200 },
  )
})

test('the condition for SQL names columns only and passes every value as a parameter', () => {
  const { text, parameters } = point.condition({ ...reader, nationality: "GBR' OR 'x" }, 'discover', 3)
  assert.doesNotMatch(text, /GBR/)
  assert.match(text, /\$3::/)
  assert.ok(parameters.includes("GBR' OR 'x"))
  assert.match(point.condition(reader, 'delete' as 'query', 1).text, /^\(\(false\) OR \(false\)\) AND /)
})
