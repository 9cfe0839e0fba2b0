import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readAdvisories } from '../../src/connected/advisories/read.ts'
import { claimsByName, findingsOf, type Finding } from '../../src/evidence/advisories/findings.ts'
import { osvClaims } from '../../src/evidence/advisories/osv.ts'
import { readSnapshot } from '../../src/evidence/advisories/snapshot.ts'
import { subjectsOf } from '../../src/evidence/advisories/subjects.ts'
import { parseOpenVex } from '../../src/evidence/advisories/vex.ts'
import { difference } from '../../src/evidence/diff/difference.ts'
import { differenceText } from '../../src/evidence/diff/text.ts'
import { packagesOf, type Packages } from '../../src/evidence/packages.ts'
import { codesOf } from './bundle-fixture.ts'
import { assertCycloneDx } from './evidence-schema.ts'
import { EvidenceWorkshop } from './evidence-workshop.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const DATA = join(import.meta.dirname, 'advisories')
const data = (path: string): string => readFileSync(join(DATA, path), 'utf8')
const records = Object.fromEntries(readdirSync(join(DATA, 'osv')).map((name) => [`osv/${name}`, data(`osv/${name}`)]))

const workshop = new EvidenceWorkshop()
after(() => workshop.end())

const app = { name: 'app', source: 'app-src (1.0-1)', version: '1.0-1+b2', files: { 'usr/bin/app': 'one' } }
const lib = { name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'two' } }

let old = ''
let now = ''
before(async () => {
  old = await workshop.release({
    version: '1.0.0',
    sequence: 100,
    debs: [app, lib, { name: 'lost', version: '5-1', files: { 'usr/bin/lost': '' } }],
    npm: ['left@1.0.0'],
    files: { 'debian.json': data('debian-old.json') },
    more: 'advisories: [{name: debian, format: debian-tracker, from: debian.json, dated: 2026-09-01}]\n',
  })
  now = await workshop.release({
    version: '1.1.0',
    sequence: 110,
    debs: [{ ...app, source: 'app-src (1.0-1+deb13u1)', version: '1.0-1+deb13u1' }, lib, { name: 'extra', version: '3', files: { 'usr/bin/extra': 'three' } }],
    npm: ['left@1.0.0'],
    files: { 'debian.json': data('debian.json'), 'vex.json': data('vex.json'), ...records },
    more: 'advisories:\n  - {name: debian, format: debian-tracker, from: debian.json, dated: 2026-11-20}\n  - {name: ghsa, format: osv, from: osv, dated: 2026-11-19}\nvex: [vex.json]\n',
  })
})

async function findings(directory: string): Promise<Finding[]> {
  const bundle = await workshop.opened(directory)
  const snapshot = await readSnapshot(bundle)
  assert.ok(snapshot)
  return findingsOf(await packagesOf(bundle), snapshot.claims, snapshot.statements)
}

test('a bundle carries the records about its packages, dated, with the digest of the whole data set', async () => {
  const evidence = (path: string): Buffer => readFileSync(join(now, 'evidence', path))
  const index = JSON.parse(evidence('advisories/index.json').toString('utf8')) as { sources: { name: string; dated: string; path: string; sha512: string; records: number; upstream: { sha512: string; records: number; files: number } }[] }
  const [debian, ghsa] = index.sources
  assert.equal(debian?.dated, '2026-11-20')
  assert.equal(debian?.upstream.sha512, createHash('sha512').update(data('debian.json')).digest('hex'))
  assert.deepEqual([debian?.records, debian?.upstream.records, ghsa?.records, ghsa?.upstream.records, ghsa?.upstream.files], [5, 7, 3, 3, 3])
  for (const { path, sha512 } of index.sources) assert.equal(createHash('sha512').update(evidence(path)).digest('hex'), sha512)
  const carried = JSON.parse(evidence('advisories/debian.json').toString('utf8')) as Record<string, Record<string, { releases: object }>>
  assert.deepEqual(Object.keys(carried), ['app-src', 'extra', 'lib'])
  assert.deepEqual(Object.keys(carried['app-src']?.['CVE-2026-10001']?.releases ?? {}), ['trixie'])
  assert.deepEqual(evidence('advisories/vex-1.openvex.json'), Buffer.from(data('vex.json')))
})

test('Debian’s tracker is matched by source package and version, OSV by ranges; a statement on one image says nothing of another', async () => {
  assert.deepEqual((await findings(now)).map(({ id, name, version, verdict, open }) => `${id} ${name} ${version} ${verdict} ${open ? 'open' : 'settled'}`), [
    'CVE-2026-10004 deb lib 2.0-1 affected settled',
    'CVE-2026-10005 deb lib 2.0-1 undetermined open',
    'CVE-2026-10006 deb extra 3 affected open',
    'CVE-2026-20001 npm left 1.0.0 affected open',
  ])
  assert.deepEqual((await findings(old)).map(({ id, name }) => `${id} ${name}`), ['CVE-2026-10001 deb app-src', 'CVE-2026-10007 deb lost'])
})

test('the CycloneDX document of advisories is valid and has ratings, fixes, analysis and reasons', () => {
  const document = assertCycloneDx(readFileSync(join(now, 'evidence/advisories.cdx.json'))) as unknown as { vulnerabilities: { id: string; references?: object[]; ratings?: object[]; recommendation?: string; analysis?: object; affects: { ref: string }[] }[] }
  const of = (id: string): (typeof document.vulnerabilities)[number] | undefined => document.vulnerabilities.find((one) => one.id === id)
  assert.deepEqual(of('CVE-2026-20001')?.references, [{ id: 'GHSA-aaaa-bbbb-cccc', source: { name: 'ghsa' } }])
  assert.deepEqual(of('CVE-2026-20001')?.ratings, [{ source: { name: 'ghsa' }, severity: 'medium', method: 'CVSSv31', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:N' }])
  assert.equal(of('CVE-2026-20001')?.recommendation, 'Fixed in 1.0.1, 2.0.1')
  assert.deepEqual(of('CVE-2026-10004')?.analysis, { state: 'not_affected', justification: 'code_not_reachable', detail: 'vulnerable_code_not_in_execute_path. Nothing here calls the division. Said by Alice Example on 2026-11-20T00:00:00Z' })
  assert.match(JSON.stringify(of('CVE-2026-10006')?.analysis), /exploitable.*Run it as the user app only/)
  assert.deepEqual(of('CVE-2026-10006')?.affects.map(({ ref }) => ref), ['pkg:deb/debian/extra@3?arch=all&distro=debian-13'])
})

test('diff tells what is fixed, what is introduced, and what was only learnt since', async () => {
  const { advisories, ...rest } = await difference(await workshop.opened(old), await workshop.opened(now))
  const names = (list: readonly Finding[] = []): string[] => list.map(({ id, name }) => `${id} ${name}`)
  assert.deepEqual(names(advisories?.introduced), ['CVE-2026-10006 deb extra'])
  assert.deepEqual(names(advisories?.fixed), ['CVE-2026-10001 deb app-src', 'CVE-2026-10007 deb lost'])
  assert.deepEqual(advisories?.fixed[0]?.sources, ['debian', 'ghsa'])
  assert.deepEqual(advisories?.remaining.map(({ id, learnt }) => `${id} ${learnt}`), ['CVE-2026-10005 true', 'CVE-2026-20001 true'])
  assert.deepEqual(names(advisories?.settled), ['CVE-2026-10004 deb lib'])
  const text = differenceText({ ...rest, ...(advisories === undefined ? {} : { advisories }) })
  assert.match(text, /advisories: 1 introduced, 2 fixed, 2 remain, 1 settled by VEX; data of debian 2026-11-20, ghsa 2026-11-19/)
  assert.match(text, /\+ CVE-2026-10006 deb extra {2}3, medium, no fix known: extra trusts its environment/)
  assert.match(text, /- CVE-2026-10001 deb app-src {2}1\.0-1, high, fixed in 1\.0-1\+deb13u1/)
  assert.match(text, /= CVE-2026-20001 npm left \(not known when OLD was built\)/)
})

test('a bundle of advisories alone judges older releases; without any data nothing is said', async () => {
  const bare = await workshop.release({ version: '0.9.0', sequence: 90, debs: [app], npm: ['left@1.0.0'] })
  const alone = join(workshop.folder, 'alone')
  mkdirSync(join(alone, 'osv'), { recursive: true })
  for (const [path, text] of Object.entries(records)) writeFileSync(join(alone, path), text)
  writeFileSync(join(alone, 'debian.json'), data('debian.json'))
  writeFileSync(
    join(alone, 'bundle.yaml'),
    'apiVersion: sallyport/v1\nkind: advisory\nname: sample\nversion: "2026.11"\nsequence: 1\nmarking: {level: UNCLASSIFIED}\ntargets: [{os: debian, release: "13", architecture: amd64}]\nadvisories:\n  - {name: debian, format: debian-tracker, from: debian.json, dated: 2026-11-20}\n  - {name: ghsa, format: osv, from: osv, dated: 2026-11-19}\n',
  )
  const out = join(workshop.folder, 'advisories')
  const run = (...words: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1', SALLYPORT_CACHE: join(workshop.folder, 'cache') } })
  const built = run('build', alone, '-o', out)
  assert.equal(built.status, 0, built.stderr)
  await workshop.sign(out)
  const policy = ['--policy', await workshop.policyFile()]
  assert.match(run('diff', bare, bare, ...policy).stdout, /NEW carries no data on vulnerabilities, so nothing is said of them/)
  const judged = run('diff', bare, bare, ...policy, '--advisories', out)
  assert.equal(judged.status, 0, judged.stderr)
  assert.match(judged.stdout, /= CVE-2026-10001 deb app-src/)
  assert.match(judged.stdout, /= CVE-2026-20001 npm left/)
})

test('data sets: a zip and an array give what the folder gives; what is cut off, empty or of another kind is refused', async () => {
  const at = (path: string): string => join(workshop.folder, path)
  const plan = (format: 'osv' | 'debian-tracker', ...files: string[]) => ({ name: 'x', format, dated: '2026-11-20', files: files.map((file) => ({ path: files.length === 1 ? '' : file, file })) })
  const names = new Set(['npm left', 'deb app-src'])
  const folder = await readAdvisories(plan('osv', ...Object.keys(records).map((path) => join(DATA, path))), names, '13')
  execFileSync('python3', ['-m', 'zipfile', '-c', at('osv.zip'), ...Object.keys(records).map((path) => join(DATA, path))])
  writeFileSync(at('osv-array.json'), ` [${Object.values(records).join(',')}]`)
  for (const file of ['osv.zip', 'osv-array.json']) {
    const read = await readAdvisories(plan('osv', at(file)), names, '13')
    assert.deepEqual(read.bytes, folder.bytes, file)
    assert.equal(read.upstream.sha512, createHash('sha512').update(readFileSync(at(file))).digest('hex'))
  }
  const refused = async (format: 'osv' | 'debian-tracker', text: string): Promise<void> => {
    writeFileSync(at('bad.json'), text)
    assert.deepEqual(await codesOf(readAdvisories(plan(format, at('bad.json')), names, '13')), ['E_ADVISORIES_INVALID'], text.slice(0, 40))
  }
  await refused('debian-tracker', data('debian.json').slice(0, 900))
  await refused('debian-tracker', '{}')
  await refused('debian-tracker', '[1]')
  await refused('debian-tracker', 'not json')
  await refused('osv', '[]')
  await refused('osv', '{"no": "id"}')
  await refused('osv', '[{"id": "A-1"}, {"id": "A-2"')
})

test('a large export is read in the memory of one package', async () => {
  const file = join(workshop.folder, 'large.json')
  const entry = { description: 'x'.repeat(2000), releases: { trixie: { status: 'open', urgency: 'low' } } }
  const parts = Array.from({ length: 4000 }, (_, index) => `"pkg${index}": ${JSON.stringify(Object.fromEntries(Array.from({ length: 5 }, (_unused, at) => [`CVE-2026-${30_000 + index * 5 + at}`, entry])))}`)
  writeFileSync(file, `{${parts.join(',')}}`)
  const script = `import { readAdvisories } from ${JSON.stringify(join(import.meta.dirname, '../../src/connected/advisories/read.ts'))}
const { records, upstream } = await readAdvisories({ name: 'x', format: 'debian-tracker', dated: '2026-11-20', files: [{ path: '', file: ${JSON.stringify(file)} }] }, new Set(['deb pkg7']), '13')
console.log(JSON.stringify({ records, all: upstream.records, size: upstream.size, memory: process.resourceUsage().maxRSS / 1024 }))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  const { records: kept, all, size, memory } = JSON.parse(run.stdout) as { records: number; all: number; size: number; memory: number }
  assert.deepEqual([kept, all], [5, 20_000], run.stderr)
  assert.ok(size > 40e6)
  assert.ok(memory < 250, `${memory} MB`)
})

test('OSV ranges: last_affected, listed versions, GIT ranges, what cannot be compared', () => {
  const packages = (type: string, name: string, ...versions: string[]): Packages => new Map([[`${type} ${name}`, versions.map((version) => ({ version, purl: `pkg:${type}/${name}@${version}`, places: ['mirrors/x'] }))]])
  const affected = (ecosystem: string, name: string, more: object): string[] => {
    const claims = claimsByName(osvClaims({ id: 'X-1', affected: [{ package: { ecosystem, name }, ...more }] }, { source: 'x', release: '13' }))
    const type = { npm: 'npm', PyPI: 'pypi', Maven: 'maven', Go: 'golang' }[ecosystem] ?? ''
    return findingsOf(packages(type, name.replace(':', '/'), '1.0.0', '1.5.0', '2.0.0', 'weird'), claims, []).map(({ version, verdict }) => `${version} ${verdict}`)
  }
  const range = (type: string, ...events: object[]): object => ({ ranges: [{ type, events }] })
  assert.deepEqual(affected('npm', 'a', range('SEMVER', { introduced: '1.2.0' }, { last_affected: '1.5.0' })), ['1.5.0 affected', 'weird undetermined'])
  assert.deepEqual(affected('Maven', 'org.x:y', range('ECOSYSTEM', { introduced: '0' }, { fixed: '1.5.0' })), ['1.0.0 affected', 'weird affected'])
  assert.deepEqual(affected('PyPI', 'a', { versions: ['1.0', '2.0.0'] }), ['1.0.0 affected', '2.0.0 affected'])
  assert.deepEqual(affected('npm', 'a', range('GIT', { introduced: '0' })), [])
  assert.deepEqual(affected('Go', 'a', range('SEMVER', { fixed: '2.0.0' }, { introduced: '1.1.0' })), ['1.5.0 affected', 'weird undetermined'])
})

test('the Go toolchain stands for the standard library that programs made here contain', () => {
  const packages: Packages = new Map([['golang golang.org/toolchain', [{ version: 'v0.0.1-go1.26.11.linux-amd64', purl: 'pkg:golang/golang.org/toolchain@v0.0.1-go1.26.11.linux-amd64', places: ['images/minio'] }]]])
  assert.deepEqual(subjectsOf(packages).map(({ claimed, version }) => `${claimed} ${version}`), ['golang stdlib 1.26.11', 'golang toolchain 1.26.11'])
})

test('a VEX document without justification, author or purl is refused with every fault; so is one with nothing to speak of', async () => {
  const { faults } = parseOpenVex({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    statements: [{ vulnerability: { name: 'CVE-1' }, products: [{ '@id': 'pkg:npm/a' }], status: 'not_affected' }, { products: ['a'], status: 'maybe', justification: 'because' }, { vulnerability: { name: 'CVE-2' }, products: [{ '@id': 'pkg:npm/a' }], status: 'affected', timestamp: '2026-11-20T00:00:00Z' }],
  })
  assert.deepEqual(faults, [
    'it has no author',
    'statements[0]: it says not_affected without a justification',
    'statements[0]: neither it nor the document has a timestamp',
    'statements[1]: it names no vulnerability',
    'statements[1]: its products are not all named by a purl',
    'statements[1]: its status is not one of not_affected, affected, fixed, under_investigation',
    'statements[1]: its justification is not one of component_not_present, vulnerable_code_not_present, vulnerable_code_not_in_execute_path, vulnerable_code_cannot_be_controlled_by_adversary, inline_mitigations_already_exist',
    'statements[1]: neither it nor the document has a timestamp',
    'statements[2]: it says affected without an action_statement',
  ])
  const release = { sequence: 200, debs: [lib], files: { 'debian.json': data('debian.json'), 'vex.json': '{' } }
  const advisories = 'advisories: [{name: debian, format: debian-tracker, from: debian.json, dated: 2026-11-20}]\n'
  assert.deepEqual(await codesOf(workshop.release({ ...release, version: '2.0.0', more: `${advisories}vex: [vex.json]\n` })), ['E_VEX_INVALID'])
  assert.deepEqual(await codesOf(workshop.release({ ...release, version: '2.0.1', more: 'vex: [vex.json]\n' })), ['E_DEFINITION'])
  assert.deepEqual(await codesOf(workshop.release({ ...release, version: '2.0.2', more: advisories.replace('2026-11-20', '2026-02-30') })), ['E_DEFINITION'])
  assert.deepEqual(await codesOf(workshop.release({ ...release, version: '2.0.3', more: advisories.replace('debian.json', 'absent.json') })), ['E_DEFINITION'])
})
