import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import type { MeshFault } from '../../src/mesh/fault.ts'
import { readGovernance } from '../../src/mesh/contracts/governance.ts'
import { parseContract } from '../../src/mesh/contracts/parse.ts'
import { checkRecords } from '../../src/mesh/contracts/records.ts'
import type { PlainRecord } from '../../src/mesh/contracts/records.ts'
import { parseLabelPolicy } from '../../src/mesh/labels/policy.ts'

const bundle = new URL('../../bundles/mesh/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, bundle), 'utf8')
const policy = parseLabelPolicy(read('images/control-plane/label-policy.json'), 'label-policy.json')
const governance = await readGovernance(fileURLToPath(new URL('images/control-plane/governance', bundle)))
const ceiling = { level: 'TOP SECRET' }

const text = read('products/imagery-annotation-layer/contract.yaml')
const contract = parseContract(text, policy, governance)
const records = read('products/imagery-annotation-layer/records.ndjson')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as PlainRecord)
const [first] = records
assert.ok(first)

function refusal(act: () => unknown, code: string): string {
  try {
    act()
  } catch (error) {
    const { code: found, detail } = error as MeshFault
    assert.equal(found, code)
    return (detail.faults ?? []).join('\n')
  }
  return assert.fail(`expected ${code}`)
}

test('the example contracts and their records are valid, labels included', () => {
  const checked = checkRecords(contract, records, policy, governance, ceiling)
  assert.equal(checked.records.length, 12)
  assert.deepEqual(checked.label.releasability, ['CAN'])
  assert.deepEqual(checked.label.categories, ['AZURE'])
  const secret = parseContract(read('products/denied-area-activity/contract.yaml'), policy, governance)
  const events = read('products/denied-area-activity/records.ndjson').trimEnd().split('\n')
  checkRecords(secret, events.map((line) => JSON.parse(line) as PlainRecord), policy, governance, ceiling)
})

test('the form: every fault at once, with line and column', () => {
  const broken = text
    .replace('kind: DataContract', 'kind: Contract')
    .replace('version: 1.0.0', 'version: one')
    .replace('name: type, logicalType: string', 'name: type, logicalType: varchar')
    .replace('status: active', 'status: active\nowner: me')
  const faults = refusal(() => parseContract(broken, policy, governance), 'E_MESH_CONTRACT')
  assert.match(faults, /^3:\d+ kind: must be "DataContract"$/m)
  assert.match(faults, /^5:\d+ version: must match pattern/m)
  assert.match(faults, /^7:\d+ owner: is not a known field$/m)
  assert.match(faults, /^\d+:\d+ schema\.0\.properties\.0\.logicalType: must be one of string, date/m)
})

test('YAML that says two things is refused', () => {
  assert.match(refusal(() => parseContract(`${text}\nname: other\n`, policy, governance), 'E_MESH_CONTRACT'), /unique/)
  const alias = text.replace('name: imagery-annotation-layer', 'name: &x imagery-annotation-layer').replace('dataProduct: Imagery annotation layer', 'dataProduct: *x')
  assert.match(refusal(() => parseContract(alias, policy, governance), 'E_MESH_CONTRACT'), /aliases/)
})

test('classification metadata is mandatory', () => {
  const broken = text
    .replace('property: dataLabel', 'property: label')
    .replace('derivedFrom:', 'derived:')
    .replace('property: freshness', 'property: latency')
    .replace('unit: percent', 'unit: d')
  const faults = refusal(() => parseContract(broken, policy, governance), 'E_MESH_CONTRACT')
  assert.match(faults, /lacks “dataLabel”/)
  assert.match(faults, /lacks “derivedFrom”/)
  assert.match(faults, /“derived” is not a known field/)
  assert.match(faults, /lacks “freshness”/)
  assert.match(faults, /availability: unit must be “percent”/)
})

test('a label of another policy, and an entry more restrictive than its data, are refused', () => {
  assert.match(
    refusal(() => parseContract(text.replace('label-policy:demo', 'label-policy:other'), policy, governance), 'E_MESH_CONTRACT'),
    /dataLabel: policy is “urn:sallyport:label-policy:other”/,
  )
  const upside = text.replace('level: SECRET', 'level: CONFIDENTIAL')
  assert.match(refusal(() => parseContract(upside, policy, governance), 'E_MESH_CONTRACT'), /must not be more restrictive/)
})

test('governance rules are enforced', () => {
  const broken = text
    .replace('value: 8, unit: hours', 'value: 200, unit: hours')
    .replace('value: 99, unit: percent', 'value: 50, unit: percent')
    .replace(', description: What the analyst saw', '')
    .replace('name: source_ref, logicalType: string, required: true', 'name: source_ref, logicalType: string')
    .replace('value: stix-2.1-relationship', 'value: stix-2.1-relationship')
  const faults = refusal(() => parseContract(broken, policy, governance), 'E_MESH_CONTRACT')
  assert.match(faults, /freshness is 200 h, governance allows at most 168 h/)
  assert.match(faults, /availability is 50, governance requires at least 90/)
  assert.match(faults, /field description lacks a description/)
  assert.match(faults, /needs the field source_ref/)
  const unknown = text.replace('value: stix-2.1-relationship', 'value: track-9')
  assert.match(refusal(() => parseContract(unknown, policy, governance), 'E_MESH_CONTRACT'), /“track-9” is none of/)
})

test('records: each wrong one is named, and nothing is accepted', () => {
  const wrong: PlainRecord[] = [
    first,
    { ...first, id: 'relationship--x' },
    { ...first, id: records[1]?.['id'], confidence: 101 },
    { ...first, id: records[2]?.['id'], surprise: true },
    { ...first, id: records[3]?.['id'], _label: { level: 'SECRET', categories: ['VELVET'] } },
    first,
  ]
  const faults = refusal(() => checkRecords(contract, wrong, policy, governance, ceiling), 'E_MESH_RECORDS')
  assert.match(faults, /record 2: stix-2\.1-relationship: id: must match pattern/)
  assert.match(faults, /record 3: confidence: must be <= 100/)
  assert.match(faults, /record 4: must NOT have additional properties \(surprise\)/)
  assert.match(faults, /record 5: _label: category “VELVET”/)
  assert.match(faults, /record 6: id: .* stands twice/)
})

test('a record may only raise the label of its product', () => {
  const lower = { ...first, _label: { level: 'UNCLASSIFIED', categories: [], releasability: [...policy.nations] } }
  const { records: [checked] } = checkRecords(contract, [lower], policy, governance, ceiling)
  assert.deepEqual(checked?.label, contract.dataLabel)
  assert.equal(checked?.record['_label'], undefined)
})

test('records above the ceiling are refused', () => {
  const above = { ...first, _label: { level: 'TOP SECRET' } }
  const faults = refusal(() => checkRecords(contract, [above], policy, governance, { level: 'SECRET' }), 'E_MESH_CEILING')
  assert.match(faults, /record 1: level TOP SECRET is above this site's ceiling SECRET/)
})
