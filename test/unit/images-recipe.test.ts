import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { matcherOf } from '../../src/connected/images/globs.ts'
import { lookupIn } from '../../src/connected/images/lookup.ts'
import { loadRecipe } from '../../src/connected/images/recipe.ts'
import { requestsOf } from '../../src/connected/images/request.ts'

const folder = mkdtempSync(join(tmpdir(), 'images-recipe-'))
after(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

async function faultsOf(path: string): Promise<readonly string[]> {
  const error = await loadRecipe(path, lookupIn([])).then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Fault, 'a fault')
  assert.equal(error.code, 'E_RECIPE_INVALID')
  return (error.detail.faults ?? []).map((line) => line.replace(`${folder}/`, ''))
}

test('every fault of a recipe is named at once, with its line and column', async () => {
  const path = write(
    'bad.yaml',
    [
      'image: Bad Name',
      'layers:',
      '  - name: one',
      '    apt: [netbase, "rm -rf"]',
      '    colour: blue',
      '  - apt: [netbase]',
      '    directories: [{path: relative}, {path: /a/../b}]',
      '',
    ].join('\n'),
  )
  assert.deepEqual(await faultsOf(path), [
    'bad.yaml:1:1: image must be a name of lower-case letters, digits, dots, dashes and underscores, found "Bad Name"',
    'bad.yaml:4:20: layers.0.apt.1 must be the name of a Debian package, found "rm -rf"',
    'bad.yaml:5:5: layers.0 has an unknown key colour',
    "bad.yaml:6:5: layers.1 must have required property 'name'",
    'bad.yaml:7:20: layers.1.directories.0.path must be an absolute path without . or .. steps, found "relative"',
    'bad.yaml:7:38: layers.1.directories.1.path must be an absolute path without . or .. steps, found "/a/../b"',
  ])
})

test('broken YAML, missing files, repeated layers and recipes that extend themselves are faults of the same kind', async () => {
  const broken = write('broken.yaml', 'image: x\nlayers: [\n')
  assert.match((await faultsOf(broken)).join('\n'), /^broken\.yaml:\d+:\d+: /)
  const missing = write(
    'missing.yaml',
    'image: x\nlayers:\n  - {name: a, files: [{from: nowhere, to: /x}]}\n  - {name: a, program: {entry: none.ts, to: /y}}\n',
  )
  assert.deepEqual(await faultsOf(missing), [
    'missing.yaml:3:24: no such file: nowhere',
    'missing.yaml:4:25: no such file: none.ts',
    'two layers are named a, counting those of the extended recipe',
  ])
  const itself = write('itself.yaml', 'image: x\nextends: itself.yaml\nlayers:\n  - {name: a, apt: [netbase]}\n')
  assert.deepEqual(await faultsOf(itself), ['itself.yaml:2:1: the recipe extends itself'])
})

test('a recipe asks for packages of its layers together, and inherits what is left out', async () => {
  write('below.yaml', 'image: below\nlayers:\n  - {name: below, apt: [netbase], without: [debconf, perl]}\nconfig: {env: {A: "1"}}\n')
  const path = write(
    'above.yaml',
    [
      'image: above',
      'extends: below.yaml',
      'layers:',
      '  - name: above',
      '    apt: [perl, curl]',
      '    unpack: [{source: npm, item: is-odd@3.0.1, to: /x}, {source: file, item: below.yaml, to: /y}]',
      'config: {user: "1:1", env: {B: "2"}}',
    ].join('\n'),
  )
  const recipe = await loadRecipe(path, lookupIn([]))
  assert.deepEqual(recipe.config, { user: '1:1', env: { A: '1', B: '2' } })
  assert.deepEqual(requestsOf(recipe), [
    { kind: 'apt', request: { items: ['netbase'], purpose: 'image', without: ['debconf', 'perl'] } },
    { kind: 'apt', request: { items: ['curl', 'netbase', 'perl'], purpose: 'image', without: ['debconf'] } },
    { kind: 'npm', request: { items: ['is-odd@3.0.1'], purpose: 'image' } },
  ])
})

test('an overlay replaces and adds files at the places they stand for', async () => {
  const path = write('bundle/images/app.yaml', 'image: app\nlayers:\n  - {name: app, files: [{from: etc, to: /etc}]}\n')
  write('bundle/images/etc/kept', 'kept')
  write('bundle/images/etc/changed', 'old')
  write('overlay/images/etc/changed', 'new')
  write('overlay/images/etc/deep/added', 'added')
  const lookup = lookupIn([{ root: join(folder, 'bundle'), folder: join(folder, 'overlay') }])
  const etc = join(folder, 'bundle/images/etc')
  assert.deepEqual(lookup.files(etc), ['changed', 'deep/added', 'kept'])
  assert.equal(lookup(join(etc, 'changed')), join(folder, 'overlay/images/etc/changed'))
  assert.equal(lookup(join(etc, 'kept')), join(etc, 'kept'))
  write('overlay/images/app.yaml', 'image: app\nlayers:\n  - {name: other, files: [{from: etc, to: /etc}]}\n')
  assert.equal((await loadRecipe(path, lookup)).layers[0]?.name, 'other')
})

test('globs stay within a component unless doubled, and a later negation takes back', () => {
  const skipped = matcherOf(['usr/share/doc/**', '!usr/share/doc/*/copyright', 'usr/lib/llvmjit*'])
  assert.deepEqual(
    ['usr/share/doc', 'usr/share/doc/a', 'usr/share/doc/a/copyright', 'usr/lib/llvmjit.so', 'usr/lib/llvmjit/x', 'a/usr/share/doc/a'].map(
      skipped,
    ),
    [false, true, false, true, false, false],
  )
})
