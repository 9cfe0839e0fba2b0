/** What an assessment is written as, held against the schemas of NIST and read by a program that assessors load it with. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { validateXML } from 'xmllint-wasm'
import { BENCHMARK } from '../../src/assessment/benchmark.ts'
import type { Claims } from '../../src/assessment/documents/oscal-results.ts'
import { assertAbsent, documentsOf, writeDocuments } from '../../src/assessment/write.ts'
import { ANSWERED, assessmentOf, facts, SITE, subject } from './assessment/subject.ts'
import { codesOf, temporary } from './bundle-fixture.ts'

interface Read {
  readonly target: { readonly name: string; readonly ip: string }
  readonly checklists: readonly { readonly reviews: readonly { readonly ruleId: string; readonly result: string; readonly detail: string }[] }[]
}
/** Its types are no module's. */
const require = createRequire(import.meta.url)
const stigManager = require('@nuwcdivnpt/stig-manager-client-modules') as Record<'reviewsFromCklb' | 'reviewsFromXccdf', (given: object) => Read>

const SCHEMAS = join(import.meta.dirname, '../schemas')
const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex')

const HOSTILE = 'keycloak: /etc/<b>&"\u0001\u202e]]> is new'
/** Two hosts: one as it should be, one with faults; and one that is away. */
const away = { why: 'h3 cannot be reached' }
const host = (name: string) => ({ ...SITE.hosts[0], name, address: `198.51.100.${name.slice(1)}` }) as (typeof SITE)['hosts'][number]
const assessment = assessmentOf([
  subject(),
  subject({ host: host('h2'), ...facts({ sockets: [...ANSWERED.sockets, { protocol: 'tcp', address: '0.0.0.0', port: 9999, process: 'nc' }], drift: { ...ANSWERED.drift, lines: [HOSTILE] } }) }),
  subject({ host: host('h3'), facts: away, certificates: away, audit: away }),
])
const documents = documentsOf(assessment)
const clean = documentsOf(assessmentOf([subject()]))

const text = (path: string, made = documents): string => (made.get(path) ?? Buffer.alloc(0)).toString('utf8')

let oscal: ValidateFunction
before(() => {
  const ajv = new Ajv({ strict: false, allErrors: true })
  formats.default(ajv)
  oscal = ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, 'oscal/oscal_complete_schema-1-1-3.json'), 'utf8')) as object)
})

function valid(path: string, made = documents): unknown {
  const document = JSON.parse(text(path, made)) as unknown
  assert.ok(oscal(document), `${path}\n${JSON.stringify(oscal.errors?.slice(0, 6), null, 1)}`)
  return document
}

interface Results {
  readonly 'assessment-results': {
    readonly 'import-ap': { readonly href: string }
    readonly results: readonly {
      readonly observations: readonly { readonly uuid: string; readonly title: string; readonly 'relevant-evidence'?: readonly { readonly href: string }[]; readonly subjects: readonly { readonly 'subject-uuid': string }[] }[]
      readonly risks?: readonly { readonly uuid: string; readonly title: string }[]
      readonly findings: readonly {
        readonly target: { readonly 'target-id': string; readonly status: { readonly state: string; readonly reason: string } }
        readonly 'related-observations': readonly { readonly 'observation-uuid': string }[]
        readonly 'related-risks'?: readonly { readonly 'risk-uuid': string }[]
        readonly 'implementation-statement-uuid'?: string
        readonly links?: readonly { readonly href: string }[]
      }[]
      readonly 'local-definitions': { readonly 'inventory-items': readonly { readonly uuid: string }[] }
    }[]
    readonly 'back-matter'?: { readonly resources: readonly { readonly uuid: string; readonly title: string; readonly rlinks: readonly { readonly href: string; readonly hashes: readonly { readonly value: string }[] }[] }[] }
  }
}

suite('OSCAL', () => {
  test('results and plan are valid, with faults and without any', () => {
    for (const made of [documents, clean]) for (const path of ['oscal/assessment-results.json', 'oscal/assessment-plan.json']) valid(path, made)
  })

  test('a control is satisfied only where every rule about it was asked and met', () => {
    const state = (made: typeof documents): Map<string, string> => {
      const { results } = (valid('oscal/assessment-results.json', made) as Results)['assessment-results']
      return new Map(results[0]?.findings.map(({ target }) => [target['target-id'], `${target.status.state} ${target.status.reason}`]))
    }
    assert.deepEqual(new Set(state(clean).values()), new Set(['satisfied pass']))
    const broken = state(documents)
    // Ports and drift failed on h2; the rest was not asked on h3, which is not met either.
    assert.equal(broken.get('sc-7_obj'), 'not-satisfied fail')
    assert.equal(broken.get('cm-2_obj'), 'not-satisfied fail')
    assert.equal(broken.get('au-8_obj'), 'not-satisfied other')
    // The signatures of the release are judged at the station, and are good.
    assert.deepEqual([...broken].filter(([, one]) => one === 'satisfied pass').map(([control]) => control), ['si-7.15_obj'])
    const controls = new Set(BENCHMARK.rules.flatMap((rule) => rule.controls))
    assert.deepEqual(new Set(broken.keys()), new Set([...controls].map((control) => `${control}_obj`)))
  })

  test('every id that is named is there, and what a host answered is named by its digest', () => {
    const { results, 'back-matter': back, 'import-ap': plan } = (valid('oscal/assessment-results.json') as Results)['assessment-results']
    const [result] = results
    assert.ok(result && documents.has(`oscal/${plan.href}`))
    const [observations, risks, hosts] = [result.observations, result.risks ?? [], result['local-definitions']['inventory-items']].map((list) => new Set(list.map(({ uuid }) => uuid)))
    assert.equal(observations?.size, result.observations.length)
    assert.deepEqual(result.risks?.map(({ title }) => title.split(':')[0]), ['SLP-010 on h2', 'SLP-130 on h2'])
    for (const finding of result.findings) {
      for (const one of finding['related-observations']) assert.ok(observations?.has(one['observation-uuid']))
      for (const one of finding['related-risks'] ?? []) assert.ok(risks?.has(one['risk-uuid']))
    }
    const resources = new Map(back?.resources.map((one) => [one.uuid, one]))
    for (const { subjects, 'relevant-evidence': evidence = [] } of result.observations) {
      assert.ok(hosts?.has(subjects[0]?.['subject-uuid'] ?? ''))
      for (const { href } of evidence) {
        const resource = resources.get(href.slice(1))
        assert.equal(resource?.rlinks[0]?.hashes[0]?.value, sha512(documents.get(resource?.title ?? '') ?? Buffer.alloc(0)))
        assert.equal(join('oscal', resource?.rlinks[0]?.href ?? ''), resource?.title)
      }
    }
    assert.deepEqual([...resources.values()].map(({ title }) => title), ['observed/h1.json', 'observed/h2.json'])
  })

  test('findings are linked to what the bundle claims, by digest', () => {
    const claims: Claims = {
      definition: { path: 'evidence/oscal/component-definition.json', sha512: '1'.repeat(128) },
      requirements: new Map([['cm-7', { uuid: '11111111-2222-4333-8444-555555555555', files: [{ path: 'source:test/unit/services.test.ts', sha512: '2'.repeat(128) }] }]]),
    }
    const linked = documentsOf(assessment, claims)
    const { results, 'back-matter': back } = (valid('oscal/assessment-results.json', linked) as Results)['assessment-results']
    const finding = results[0]?.findings.find(({ target }) => target['target-id'] === 'cm-7_obj')
    assert.equal(finding?.['implementation-statement-uuid'], '11111111-2222-4333-8444-555555555555')
    const resources = new Map(back?.resources.map((one) => [`#${one.uuid}`, one]))
    assert.deepEqual(finding?.links?.map(({ href }) => resources.get(href)?.rlinks[0]?.href), ['urn:sallyport:bundle:evidence/oscal/component-definition.json', 'urn:sallyport:source:test/unit/services.test.ts'])
  })
})

suite('XCCDF', () => {
  // The schemas name each other by folders; here they lie in one.
  const schema = (name: string) => ({ fileName: name, contents: readFileSync(join(SCHEMAS, 'xccdf', name), 'utf8').replaceAll(/schemaLocation="(?:\.\.\/)[^"]*\/([^"/]+)"/g, 'schemaLocation="$1"').replace(/<!DOCTYPE[^>]*>/, '') })
  const lint = (contents: string) => validateXML({ xml: { fileName: 'results.xml', contents }, schema: schema('xccdf_1.2.xsd'), preload: ['cpe-language_2.3.xsd', 'cpe-naming_2.3.xsd', 'xml.xsd'].map(schema), maxMemoryPages: 2048 })

  test('results of each host are valid by the schema of NIST, also with text that is hostile', async () => {
    for (const name of ['h1', 'h2', 'h3']) {
      const { valid: fine, rawOutput } = await lint(text(`xccdf-results-${name}.xml`))
      assert.ok(fine, rawOutput)
    }
    for (const hostile of ['\u0001', '\u202e', '<b>']) assert.ok(!text('xccdf-results-h2.xml').includes(hostile))
    const { valid: broken } = await lint(text('xccdf-results-h1.xml').replace('<result>pass</result>', '<result>good</result>'))
    assert.equal(broken, false)
  })
})

suite('read by STIG Manager’s own modules', () => {
  const options = { autoStatus: 'saved', unreviewed: 'always', unreviewedCommented: 'notchecked', emptyDetail: 'import', emptyComment: 'import' }
  const settings = { fieldSettings: { detail: { enabled: 'always', required: 'optional' }, comment: { enabled: 'always', required: 'optional' } }, allowAccept: false, importOptions: options, sourceRef: 'test' }
  const RESULT = { pass: 'pass', fail: 'fail', 'not-checked': 'notchecked', 'not-applicable': 'notapplicable' }

  for (const [kind, read] of [
    ['checklist-NAME.cklb', (data: string) => stigManager.reviewsFromCklb({ data, ...settings })],
    ['xccdf-results-NAME.xml', (data: string) => stigManager.reviewsFromXccdf({ data, ...settings, scapBenchmarkMap: new Map() })],
  ] as const)
    test(kind, () => {
      for (const { name, address } of assessment.hosts) {
        const { target, checklists } = read(text(kind.replace('NAME', name)))
        assert.deepEqual([target.name, target.ip], [name, address])
        const expected = assessment.verdicts.filter((verdict) => verdict.host === name).map(({ rule, result }) => [rule.id, RESULT[result]])
        const found = checklists[0]?.reviews.map(({ ruleId, result }) => [ruleId.replace('xccdf_sallyport_rule_', ''), result])
        assert.deepEqual(found, expected)
        for (const { detail } of checklists[0]?.reviews ?? []) assert.ok(detail)
      }
    })

  test('a checklist has every member that STIG Viewer 3 writes', () => {
    const { stigs, target_data: target, ...top } = JSON.parse(text('checklist-h2.cklb')) as { stigs: { rules: Record<string, unknown>[] }[]; target_data: object }
    assert.deepEqual(Object.keys(top).toSorted(), ['active', 'cklb_version', 'has_path', 'id', 'mode', 'title'])
    assert.deepEqual(Object.keys(target).toSorted(), ['classification', 'comments', 'fqdn', 'host_name', 'ip_address', 'is_web_database', 'mac_address', 'role', 'target_type', 'technology_area', 'web_db_instance', 'web_db_site'])
    assert.equal(stigs[0]?.rules.length, BENCHMARK.rules.length)
    for (const member of ['group_id', 'rule_id', 'severity', 'status', 'finding_details', 'check_content', 'fix_text', 'ccis', 'overrides']) assert.ok(member in (stigs[0]?.rules[0] ?? {}), member)
  })
})

suite('the folder', () => {
  test('has the same bytes for the same assessment, listed with their digests', () => {
    assert.deepEqual([...documentsOf(assessment)], [...documents])
    const sums = text('SHA512SUMS').trimEnd().split('\n').map((line) => line.split('  '))
    assert.deepEqual(sums.map(([, path]) => path).toSorted(), [...documents.keys()].filter((path) => path !== 'SHA512SUMS').toSorted())
    for (const [digest, path = ''] of sums) assert.equal(digest, sha512(documents.get(path) ?? Buffer.alloc(0)))
  })

  test('has a page that says first what is not met, in lines that fit on paper', () => {
    const page = text('assessment.txt')
    assert.match(page, /^Result {6}\d+ pass, 2 fail, \d+ not checked, 0 not applicable$/m)
    assert.match(page, /WHAT IS NOT MET\n\nSLP-010 {2}h2: FAIL {2}Only declared ports listen \(high\)\n {4}not declared: tcp 0\.0\.0\.0:9999 nc\n/)
    assert.match(page, /^ {4}h3: NOT CHECKED\n {8}h3 cannot be reached$/m)
    assert.match(text('assessment.txt', clean), /^Nothing fails, and nothing that applies was left unchecked\.$/m)
    const long = page.split('\n').filter((line) => line.length > 110 && !/\S{80}/.test(line))
    assert.deepEqual(long, [])
  })

  test('is new, and an old one is kept as it was', async (t) => {
    const folder = join(await temporary(t), 'one/assessment')
    await writeDocuments(folder, documents)
    for (const [path, bytes] of documents) assert.deepEqual(readFileSync(join(folder, path)), bytes)
    assert.deepEqual(await codesOf(assertAbsent(folder)), ['E_FILE_UNREADABLE'])
    assert.deepEqual(await codesOf(writeDocuments(folder, clean)), ['E_FILE_UNREADABLE'])
    assert.ok(existsSync(join(folder, 'observed/h2.json')))
  })
})
