import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { aboveCeiling, dominates, join, joinAll, lowest, rankOf } from '../../src/mesh/labels/algebra.ts'
import { canonicalLabel, checkLabel } from '../../src/mesh/labels/label.ts'
import { banner, portionMark } from '../../src/mesh/labels/marking.ts'
import { parseLabelPolicy } from '../../src/mesh/labels/policy.ts'

const file = new URL('../../bundles/mesh/images/control-plane/label-policy.json', import.meta.url)
const text = readFileSync(file, 'utf8')
const policy = parseLabelPolicy(text, 'label-policy.json')

const labels = fc
  .record({
    level: fc.constantFrom(...policy.levels.keys()),
    categories: fc.subarray([...policy.categories.keys()]),
    nations: fc.subarray([...policy.nations]),
  })
  .map(({ level, categories, nations }) => {
    const allowed = categories.filter((name) => rankOf(policy, level) >= minimumRank(name))
    return canonicalLabel(policy, level, allowed, nations)
  })

/** A category means nothing below its level: such a label does not exist. */
function minimumRank(category: string): number {
  return rankOf(policy, policy.categories.get(category)?.minimumLevel ?? '')
}

const law = (name: string, property: fc.IRawProperty<unknown>): void => {
  test(name, () => fc.assert(property, { numRuns: 500 }))
}

law(
  'join is associative',
  fc.property(labels, labels, labels, (a, b, c) => {
    assert.deepEqual(join(policy, join(policy, a, b), c), join(policy, a, join(policy, b, c)))
  }),
)
law(
  'join is commutative',
  fc.property(labels, labels, (a, b) => assert.deepEqual(join(policy, a, b), join(policy, b, a))),
)
law(
  'join is idempotent, and the lowest label is neutral',
  fc.property(labels, (a) => {
    assert.deepEqual(join(policy, a, a), a)
    assert.deepEqual(join(policy, a, lowest(policy)), a)
  }),
)
law(
  'join is monotone and is the least upper bound',
  fc.property(labels, labels, labels, (a, b, c) => {
    const both = join(policy, a, b)
    assert.ok(dominates(policy, both, a) && dominates(policy, both, b))
    if (dominates(policy, a, b)) assert.ok(dominates(policy, join(policy, a, c), join(policy, b, c)))
    if (dominates(policy, c, a) && dominates(policy, c, b)) assert.ok(dominates(policy, c, both))
  }),
)
law(
  'dominance is a partial order and agrees with join',
  fc.property(labels, labels, labels, (a, b, c) => {
    assert.ok(dominates(policy, a, a))
    if (dominates(policy, a, b) && dominates(policy, b, a)) assert.deepEqual(a, b)
    if (dominates(policy, a, b) && dominates(policy, b, c)) assert.ok(dominates(policy, a, c))
    assert.equal(dominates(policy, a, b), JSON.stringify(join(policy, a, b)) === JSON.stringify(a))
  }),
)
law(
  'a canonical label is its own canonical form, and survives JSON',
  fc.property(labels, (a) => {
    assert.deepEqual(checkLabel(policy, JSON.parse(JSON.stringify(a))).label, a)
  }),
)
law(
  'no join of labels within the ceiling is above it',
  fc.property(fc.array(labels), fc.constantFrom(...policy.levels.keys()), (list, level) => {
    const within = list.filter((label) => aboveCeiling(policy, label, { level, categories: ['AZURE'] }).length === 0)
    assert.deepEqual(aboveCeiling(policy, joinAll(policy, within), { level, categories: ['AZURE'] }), [])
  }),
)

const base = { policy: policy.urn, policyVersion: policy.version, level: 'SECRET', categories: [], releasability: [] }

test('groups expand to their nations, the owner is implied', () => {
  const { label } = checkLabel(policy, { ...base, releasability: ['CFIV', 'NOR'] })
  assert.deepEqual(label?.releasability, ['AUS', 'CAN', 'GBR', 'NOR', 'NZL'])
})

for (const [what, change, pattern] of [
  ['an unknown policy', { policy: 'urn:other' }, /policy is “urn:other”/],
  ['another version of the policy', { policyVersion: '2' }, /policyVersion is “2”/],
  ['a missing policy', { policy: undefined }, /policy is missing/],
  ['an unknown level', { level: 'COSMIC' }, /level “COSMIC” is none of/],
  ['an unknown category', { categories: ['VELVET'] }, /category “VELVET”/],
  ['an unknown nation', { releasability: ['ATL'] }, /releasability “ATL”/],
  ['a category below its level', { level: 'RESTRICTED', categories: ['CINDER'] }, /needs at least SECRET/],
  ['an unknown field', { caveats: ['AZURE'] }, /“caveats” is not a field/],
  ['categories that are no list', { categories: 'AZURE' }, /must be a list/],
] as const) {
  test(`${what} is refused`, () => {
    const { label, faults } = checkLabel(policy, { ...base, ...change })
    assert.equal(label, undefined)
    assert.match(faults.join('\n'), pattern)
  })
}

test('all faults of a label are named at once', () => {
  const { faults } = checkLabel(policy, { policy: 'x', policyVersion: 'y', level: 'z', categories: ['q'] })
  assert.equal(faults.length, 4)
})

test('banners and portion marks', () => {
  const released = checkLabel(policy, { ...base, categories: ['AZURE'], releasability: ['GBR', 'CAN'] }).label
  assert.ok(released)
  assert.equal(banner(policy, released), 'SECRET//AZURE//REL TO USA, CAN, GBR')
  assert.equal(portionMark(policy, released), '(S//AZURE//REL TO USA, CAN, GBR)')
  const group = checkLabel(policy, { ...base, releasability: ['CFIV', 'NOR'] }).label
  assert.ok(group)
  assert.equal(banner(policy, group), 'SECRET//REL TO USA, CFIV, NOR')
  const national = checkLabel(policy, base).label
  assert.ok(national)
  assert.equal(banner(policy, national), 'SECRET//USA ONLY')
})

test('a label above the ceiling says in which way', () => {
  const { label } = checkLabel(policy, { ...base, level: 'TOP SECRET', categories: ['CINDER'] })
  assert.ok(label)
  assert.deepEqual(aboveCeiling(policy, label, { level: 'SECRET', categories: ['AZURE'] }), [
    "level TOP SECRET is above this site's ceiling SECRET",
    'category CINDER is not accredited at this site',
  ])
})

test('a policy file names all its faults with their lines', () => {
  const broken = text.replace('"owner": "USA"', '"owner": "XXX"').replace('"minimumLevel": "SECRET"', '"minimumLevel": "SECRE"')
  assert.throws(
    () => parseLabelPolicy(broken, 'p.json'),
    (error: Error & { code: string; detail: { faults: string[] } }) =>
      error.code === 'E_MESH_CONFIG' && error.detail.faults.length === 2 && /^5:\d+ owner/.test(error.detail.faults[0] ?? ''),
  )
})
