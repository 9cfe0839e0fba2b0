import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { wantedBy } from '../../src/connected/build/inputs.ts'
import { loadDefinition } from '../../src/connected/definition/load.ts'

const root = mkdtempSync(join(tmpdir(), 'connected-definition-'))
after(() => rmSync(root, { recursive: true }))

function write(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, 'case-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

async function faultsOf(folder: string, path = ''): Promise<string[]> {
  const error = await loadDefinition(join(folder, path)).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, `a fault, not ${String(error)}`)
  assert.equal(error.code, 'E_DEFINITION')
  return (error.detail.faults ?? []).map((line) => line.replaceAll(`${folder}/`, ''))
}

const HEAD = `apiVersion: sallyport/v1
kind: release
name: small
version: 1.0.0
sequence: 100
marking: {level: UNCLASSIFIED}
targets: [{os: debian, release: "13", architecture: amd64}]
`
const RECIPE = `image: one
layers:
  - name: one
    files: [{from: hello.txt, to: /hello.txt}]
`
const SMALL = {
  'bundle.yaml': `${HEAD}mirrors:
  - {name: files, ecosystem: file, files: [{from: a.txt, path: deep/a.txt}]}
images:
  - {name: one, recipe: images/one.yaml}
iac:
  - {name: ansible, kind: ansible, from: ansible}
`,
  'a.txt': 'a\n',
  'images/one.yaml': RECIPE,
  'images/hello.txt': 'hello\n',
  'ansible/site.yml': '[]\n',
  'ansible/__pycache__/x.pyc': 'cache',
}

test('a definition is read with its recipes, and consists of every file it names', async () => {
  const folder = write(SMALL)
  const definition = await loadDefinition(folder)
  assert.equal(definition.fields.marking.policy, 'urn:sallyport:label-policy:demo')
  assert.equal(definition.lockFile, join(folder, 'bundle.lock.yaml'))
  assert.deepEqual(Object.keys(definition.files), [
    'a.txt',
    'ansible/site.yml',
    'bundle.yaml',
    'images/hello.txt',
    'images/one.yaml',
  ])
  assert.deepEqual(
    definition.iac[0]?.files.map((one) => one.path),
    ['site.yml'],
  )
  assert.deepEqual(wantedBy(definition), [
    {
      kind: 'file',
      request: { items: ['a.txt'], purpose: 'mirror', paths: { 'a.txt': 'deep/a.txt' } },
      for: ['mirrors/files'],
    },
  ])
})

test('every fault of the YAML is named at once with its place', async () => {
  const folder = write({
    'bundle.yaml': HEAD.replace('kind: release', 'kind: relaese').replace('100', 'none').replace('level', 'colour'),
  })
  assert.deepEqual(await faultsOf(folder), [
    'bundle.yaml:2:1: kind must be one of release, advisory, trust, content',
    'bundle.yaml:5:1: sequence must be integer, found "none"',
    "bundle.yaml:6:1: marking must have required property 'level'",
    'bundle.yaml:6:11: marking has an unknown key colour',
  ])
})

test('faults of meaning, of recipes and of what they name come together', async () => {
  const folder = write({
    'bundle.yaml': `${HEAD}mirrors:
  - {name: npm, ecosystem: npm, suites: [trixie]}
  - {name: npm, ecosystem: file, files: [{from: no.txt, path: x}]}
images:
  - {name: one, recipe: images/one.yaml}
  - {name: two, recipe: images/two.yaml}
  - {name: three}
  - {name: four, oci: {layout: a, archive: b}}
iac: [{name: x, kind: ansible, from: nowhere}]
`,
    'images/one.yaml': RECIPE,
  })
  const faults = await faultsOf(folder)
  for (const expected of [
    /^bundle\.yaml:9:5: suites belong to apt, not to npm$/,
    /^bundle\.yaml:9:5: a mirror of npm needs packages or a list \(package-lock\.json\)$/,
    /^bundle\.yaml:10:\d+: no such file: no\.txt$/,
    /^bundle\.yaml:10:6: npm is named twice in mirrors$/,
    /^images\/one\.yaml:4:\d+: no such file: hello\.txt$/,
    /^bundle\.yaml:13:5: no such file: images\/two\.yaml$/,
    /^bundle\.yaml:14:5: three needs either a recipe, or oci/,
    /^bundle\.yaml:15:5: four needs either a recipe, or oci/,
    /^bundle\.yaml:16:\d+: no such folder: nowhere$/,
  ])
    assert.ok(
      faults.some((one) => expected.test(one)),
      `${expected} is not in\n${faults.join('\n')}`,
    )
  assert.equal(faults.length, 9)
})

test('a release says only what differs; files of its overlay come first, those of a later release before them', async () => {
  const release = (version: string, sequence: number, base: string): string =>
    `apiVersion: sallyport/v1\nextends: ${base}\noverlay: overlay\nversion: ${version}\nsequence: ${sequence}\n`
  const folder = write({
    ...SMALL,
    'releases/2/bundle.yaml': release('2.0.0', 200, '../../bundle.yaml'),
    'releases/2/overlay/images/hello.txt': 'hello from 2\n',
    'releases/2/overlay/a.txt': 'a of 2\n',
    'releases/3/bundle.yaml': release('3.0.0', 300, '../2'),
    'releases/3/overlay/images/hello.txt': 'hello from 3\n',
  })
  const third = await loadDefinition(join(folder, 'releases/3'))
  assert.equal(third.fields.name, 'small')
  assert.equal(third.fields.version, '3.0.0')
  assert.equal(third.lockFile, join(folder, 'releases/3/bundle.lock.yaml'))
  assert.equal(third.baseLockFile, join(folder, 'bundle.lock.yaml'))
  assert.equal(readFileSync(third.locate('images/hello.txt'), 'utf8'), 'hello from 3\n')
  assert.equal(readFileSync(third.locate('a.txt'), 'utf8'), 'a of 2\n')
  assert.ok('releases/3/overlay/images/hello.txt' in third.files)
  assert.ok('releases/2/bundle.yaml' in third.files)
  assert.ok(!('images/hello.txt' in third.files), 'a replaced file is no part of the release')
  assert.equal(readFileSync((await loadDefinition(folder)).locate('a.txt'), 'utf8'), 'a\n')
})

test('what a release extends must exist and not be itself', async () => {
  const text = (base: string): string => `apiVersion: sallyport/v1\nextends: ${base}\nversion: 1.0.0\nsequence: 2\n`
  const folder = write({ 'a/bundle.yaml': text('../nowhere'), 'b/bundle.yaml': text('bundle.yaml') })
  assert.deepEqual(await faultsOf(folder, 'a'), ['a/bundle.yaml:2:1: no such file: ../nowhere'])
  assert.deepEqual(await faultsOf(folder, 'b'), ['b/bundle.yaml:2:1: the definition extends itself'])
  const nothing = await loadDefinition(join(folder, 'c')).catch((error: unknown) => error)
  assert.ok(nothing instanceof Fault && nothing.code === 'E_DEFINITION')
})
