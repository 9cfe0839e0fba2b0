import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { CONTROL_CLAIMS } from '../../src/evidence/oscal/controls.ts'
import { csv } from '../../src/evidence/tables.ts'
import { EvidenceWorkshop } from './evidence-workshop.ts'

const ROOT = join(import.meta.dirname, '../..')
const workshop = new EvidenceWorkshop()
after(() => workshop.end())

interface Resource {
  readonly uuid: string
  readonly title: string
  readonly rlinks: readonly { href: string; hashes: readonly { algorithm: string; value: string }[] }[]
}
interface Link {
  readonly href: string
}

let release = ''
before(async () => {
  release = await workshop.release({
    version: '1.0.0',
    sequence: 100,
    debs: [
      { name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'two' } },
      { name: 'extra', version: '3', files: { 'usr/bin/extra': 'three' } },
    ],
    files: {
      'ansible/group_vars/all/services.json': readFileSync(join(ROOT, 'ansible/group_vars/all/services.json'), 'utf8'),
      'debian.json': readFileSync(join(import.meta.dirname, 'advisories/debian.json'), 'utf8'),
    },
    more: 'advisories: [{name: debian, format: debian-tracker, from: debian.json, dated: 2026-11-20}]\n',
  })
})

/** NIST's schema takes a second to compile. */
let validate: ValidateFunction | undefined

function oscal(path: string): Record<string, never> {
  if (validate === undefined) {
    const ajv = new Ajv({ strict: false, allErrors: true })
    formats.default(ajv)
    validate = ajv.compile(JSON.parse(readFileSync(join(ROOT, 'test/schemas/oscal/oscal_complete_schema-1-1-3.json'), 'utf8')) as object)
  }
  const document = JSON.parse(readFileSync(join(release, 'evidence', path), 'utf8')) as Record<string, never>
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 4), null, 1))
  return document
}

const sha512 = (file: string): string => createHash('sha512').update(readFileSync(file)).digest('hex')

/** Each file that a document points at is there, with these bytes. */
function assertResources(resources: readonly Resource[]): void {
  for (const { title, rlinks } of resources) {
    const file = title.startsWith('source:') ? join(ROOT, title.slice('source:'.length)) : join(release, title)
    assert.equal(rlinks[0]?.hashes[0]?.value, sha512(file), title)
    if (!title.startsWith('source:')) assert.equal(join(release, 'evidence/oscal', rlinks[0]?.href ?? ''), file)
  }
}

test('the component definition is valid OSCAL, and every claim links to files that are there, by digest', () => {
  const { 'component-definition': definition } = oscal('oscal/component-definition.json') as unknown as { 'component-definition': { components: { title: string; 'control-implementations'?: { 'implemented-requirements': { 'control-id': string; links: Link[] }[] }[] }[]; 'back-matter': { resources: Resource[] } } }
  const { resources } = definition['back-matter']
  assertResources(resources)
  const known = new Set(resources.map(({ uuid }) => `#${uuid}`))
  const requirements = definition.components.flatMap((one) => one['control-implementations'] ?? []).flatMap((one) => one['implemented-requirements'])
  assert.deepEqual(requirements.map((one) => one['control-id']), CONTROL_CLAIMS.map(({ control }) => control))
  for (const { links, 'control-id': control } of requirements) {
    assert.ok(links.length > 0, control)
    for (const { href } of links) assert.ok(known.has(href), control)
  }
  assert.deepEqual(definition.components.map(({ title }) => title), ['sample 1.0.0', 'app'])
})

test('every file of the control map exists: pages, and tests of the source', () => {
  for (const { files, tests } of CONTROL_CLAIMS)
    for (const path of [...files.filter((one) => one.startsWith('docs/')), ...tests]) assert.ok(existsSync(join(ROOT, path)), path)
})

test('claims about services are made only of bundles that have them, and of advisories only with data', async () => {
  const bare = await workshop.release({ version: '2.0.0', sequence: 200, debs: [{ name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'two' } }] })
  const text = readFileSync(join(bare, 'evidence/oscal/component-definition.json'), 'utf8')
  const controls = [...text.matchAll(/"control-id": "(.*?)"/g)].map((match) => match[1])
  assert.deepEqual(controls, ['si-7', 'cm-14', 'cm-8', 'sr-4', 'cm-3.2', 'cm-3', 'sc-17', 'ca-7'])
  for (const path of ['oscal/poam.json', 'tables/ports.csv', 'tables/poam.csv']) assert.equal(existsSync(join(bare, 'evidence', path)), false, path)
})

test('the draft of a plan of action is valid OSCAL with an item and a risk for each open vulnerability', () => {
  const { 'plan-of-action-and-milestones': plan } = oscal('oscal/poam.json') as unknown as { 'plan-of-action-and-milestones': { metadata: { title: string }; risks: { uuid: string; title: string; statement: string }[]; 'poam-items': { title: string; description: string; 'related-risks': { 'risk-uuid': string }[] }[]; 'back-matter': { resources: Resource[] } } }
  assertResources(plan['back-matter'].resources)
  assert.match(plan.metadata.title, /^DRAFT/)
  assert.deepEqual(plan['poam-items'].map(({ title, description }) => `${title}: ${description}`), [
    'CVE-2026-10004 in deb lib 2.0-1: No fix is known: mitigate, or state in a VEX document why it does not matter.',
    'CVE-2026-10005 in deb lib 2.0-1: Decide whether it concerns this version, and state it in a VEX document.',
    'CVE-2026-10006 in deb extra 3: No fix is known: mitigate, or state in a VEX document why it does not matter.',
  ])
  assert.deepEqual(plan['poam-items'].map((item) => item['related-risks'][0]?.['risk-uuid']), plan.risks.map(({ uuid }) => uuid))
  assert.equal(plan.risks[2]?.statement, 'deb extra 3 in images/app.')
})

test('tables: ports with callers, software, weaknesses; no cell is a formula', () => {
  const table = (name: string): string[] => readFileSync(join(release, 'evidence/tables', name), 'utf8').trimEnd().split('\r\n')
  assert.ok(table('ports.csv').some((line) => line.startsWith('postgresql,sql,"5432/tcp postgresql on the host’s address, TLS ends in the service",keycloak: any method on any path;')))
  assert.equal(table('software.csv').filter((line) => line.startsWith('deb,')).length, 2)
  assert.equal(table('poam.csv').length, 4)
  assert.equal(csv([['=1+1', 'a,b', 'c"d', '-x']]).toString('utf8'), `'=1+1,"a,b","c""d",'-x\r\n`)
})
