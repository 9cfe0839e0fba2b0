/**
 * Hostile paths, from end to end: the writer, definitions and recipes refuse them as something is built; both verifiers
 * refuse a bundle that a publisher with a hostile tool signed with them, and everything misplaced on a medium.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { refOf, sha512 } from '../../src/bundle/digest.ts'
import { Fault } from '../../src/bundle/fault.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { parseContents } from '../../src/bundle/volumes/contents.ts'
import { parseListing } from '../../src/bundle/volumes/listing.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { loadDefinition } from '../../src/connected/definition/load.ts'
import { lookupIn } from '../../src/connected/images/lookup.ts'
import { loadRecipe } from '../../src/connected/images/recipe.ts'
import { Victim } from '../unit/bundle-damage.ts'
import { CEILING, codesOf, FIELDS, partsIn } from '../unit/bundle-fixture.ts'
import { judge, type Question } from './damage.ts'
import { forge, blobOf, replaceBlob, type Draft } from './forge.ts'
import { IN_PLACE, MISPLACED } from './misplaced-files.ts'
import { PATHS, PLAIN_PATHS, SETS } from './path-attacks.ts'
import { SecondVerifier } from './second-verifier.ts'

let victim: Victim
let second: SecondVerifier
let usual: Omit<Question, 'directory'>
let parts: Awaited<ReturnType<typeof partsIn>>
let count = 0

before(async () => {
  victim = await Victim.make()
  second = await SecondVerifier.start()
  const { root, alice } = victim.who
  const payload = draftPolicy({
    site: 'demo',
    created: '2026-11-22T00:00:00Z',
    expires: '2027-11-22T00:00:00Z',
    ceiling: CEILING,
    keys: [{ key: root, names: [] }, { key: alice, names: ['hello'] }],
  })
  writeFileSync(join(victim.root, 'policy.json'), signPolicy(payload, [root]))
  usual = { policy: join(victim.root, 'policy.json'), now: '2026-12-01T00:00:00Z', act: 'import' }
  mkdirSync(join(victim.root, 'outside'))
  parts = await partsIn(join(victim.root, 'outside'))
})
after(async () => {
  second.end()
  await victim.remove()
})

const fresh = (what: string): string => join(victim.root, `${what}-${count++}`)

/** Both refuse a bundle of the kind that Alice signed; ours for the reason that is meant. */
async function bothRefuse(directory: string, code?: string): Promise<void> {
  const [mine, other] = [await judge({ ...usual, directory }), await second.judge({ ...usual, directory })]
  const said = JSON.stringify([mine.reasons, other.reasons]).slice(0, 1000)
  assert.ok(mine.classes.length > 0 && other.classes.length > 0, `accepted: ${said}`)
  assert.deepEqual(mine.classes, other.classes, said)
  if (code !== undefined) assert.match(said, new RegExp(code))
}

async function forged(change: (draft: Draft) => void): Promise<string> {
  const directory = fresh('forged')
  await forge(victim.pristine, directory, victim.who.alice, change)
  return directory
}

const inOrder = <T extends { path: string }>(entries: T[]): T[] => entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))

/** The first of the two blobs of the mirror under these paths. */
const treeOf = (paths: readonly string[]) => (draft: Draft) => {
  const [mirror] = draft.statement['mirrors']
  const [one, two] = blobOf(draft, mirror.tree)
  const entries = inOrder([...paths.map((path) => ({ ...one, path })), { ...two, path: 'zz-two' }])
  mirror.tree = replaceBlob(draft, mirror.tree, serialise(entries))
}

/** The documents under these paths, and SHA512SUMS with them; the files themselves are nowhere. */
const docsOf = (paths: readonly string[]) => (draft: Draft) => {
  const { docs } = draft.statement
  const [one] = blobOf(draft, docs.tree)
  docs.tree = replaceBlob(draft, docs.tree, serialise(inOrder(paths.map((path) => ({ ...one, path })))))
  draft.sums = (text) => {
    const lines = text.trimEnd().split('\n').filter((line) => !line.includes('  docs/'))
    lines.push(...paths.map((path) => `${one.sha512}  docs/${path}`))
    return `${lines.toSorted((a, b) => Buffer.compare(Buffer.from(a.slice(130)), Buffer.from(b.slice(130)))).join('\n')}\n`
  }
}

async function writerRefuses(change: object): Promise<void> {
  const directory = fresh('written')
  const bare = { fields: FIELDS, store: parts.store, images: [], mirrors: [], iac: [], docs: [], evidence: [], installer: null }
  const before = readdirSync(victim.root)
  assert.deepEqual(await codesOf(writeBundle(directory, { ...bare, ...change })), ['E_TREE_INVALID'])
  assert.deepEqual(readdirSync(victim.root), before, 'something was left behind')
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = fresh('definition')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

async function faultsOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Fault, 'it was taken')
  assert.match(error.code, /^E_(?:DEFINITION|RECIPE_INVALID)$/)
  return error.detail.faults ?? []
}

const HEAD = 'apiVersion: sallyport/v1\nkind: release\nname: small\nversion: 1.0.0\nsequence: 100\nmarking: {level: UNCLASSIFIED}\ntargets: [{os: debian, release: "13", architecture: amd64}]\n'

suite('a path that no tree may hold', () => {
  test('the second verifier refuses each, alone, too', async () => {
    assert.ok((await second.pathsRefused(PATHS.map(({ path }) => path), false)).every(Boolean))
    assert.ok((await second.pathsRefused([...PATHS, ...PLAIN_PATHS].map(({ path }) => path), true)).every(Boolean))
    const plain = PLAIN_PATHS.map(({ path }) => path)
    assert.ok((await second.pathsRefused(plain, false)).every((one) => !one))
  })
  for (const { name, path } of PATHS) {
    test(name, async () => {
      const entry = { path, ...refOf(Buffer.from('one package')) }
      const { sha256, size } = entry
      await bothRefuse(await forged(treeOf([path])), 'the tree ')
      if (!path.includes('\n')) await bothRefuse(await forged(docsOf([path])))
      await writerRefuses({ mirrors: [{ name: 'm', ecosystem: 'file', entries: [{ path, sha256, size }] }] })
      await writerRefuses({ iac: [{ name: 'm', kind: 'ansible', entries: [{ path, sha256, size }] }] })
      for (const place of ['docs', 'evidence']) await writerRefuses({ [place]: [{ path, bytes: Buffer.from('x') }] })
      if (!path.isWellFormed()) return
      const files = { 'bundle.yaml': `${HEAD}mirrors: [{name: m, ecosystem: file, files: [{from: a, path: ${JSON.stringify(path)}}]}]\n`, a: 'a' }
      assert.ok((await faultsOf(loadDefinition(folderWith(files)))).length > 0)
    })
  }
})

suite('a path that no file of the bundle may have', () => {
  for (const { name, path } of PLAIN_PATHS) {
    test(name, async () => {
      await bothRefuse(await forged(docsOf([path])))
      for (const place of ['docs', 'evidence']) await writerRefuses({ [place]: [{ path, bytes: Buffer.from('x') }] })
    })
  }
  test('nor a file of a volume', async () => {
    const bundle = { kind: 'release', name: 'hello', version: '1', sequence: 1, sha512: '0'.repeat(128) }
    const envelope = { formatVersion: 1, critical: [], bundle }
    const listing = (path: string, where: 'packs' | 'files') => ({
      ...{ type: 'application/vnd.sallyport.volume.v1+json', ...envelope, contents: { sha512: sha512(Buffer.from('')), size: 1 } },
      ...{ volume: 1, volumes: 1, spares: 0, covers: [], packs: [], files: [] },
      [where]: [{ path, size: 0, sha512: sha512(Buffer.from('')), ...(where === 'packs' ? { segments: [] } : {}) }],
    })
    const contents = (path: string) => ({
      ...{ type: 'application/vnd.sallyport.volume-contents.v1+json', ...envelope, bases: [], volumes: [{ begin: 0, end: 1 }] },
      items: [{ path, size: 1 }],
    })
    parseListing(serialise(listing('PACK0001.BIN', 'packs')))
    parseContents(serialise(contents('a')))
    for (const { path } of [...PATHS, ...PLAIN_PATHS]) {
      for (const where of ['packs', 'files'] as const) assert.deepEqual(await codesOf((async () => parseListing(serialise(listing(path, where))))()), ['E_VOLUME_INVALID'], path)
      assert.deepEqual(await codesOf((async () => parseContents(serialise(contents(path))))()), ['E_VOLUME_INVALID'], path)
    }
  })
})

suite('paths that cannot stand beside each other', () => {
  test('the second verifier refuses each set, alone, too', async () => {
    assert.ok((await second.setsRefused(SETS.map(({ paths }) => paths))).every(Boolean))
  })
  for (const { name, paths } of SETS) {
    test(name, async () => {
      await bothRefuse(await forged(treeOf(paths)), 'the tree ')
      const { sha256, size } = refOf(Buffer.from('one package'))
      await writerRefuses({ mirrors: [{ name: 'm', ecosystem: 'file', entries: paths.map((path) => ({ path, sha256, size })) }] })
      await writerRefuses({ docs: paths.map((path) => ({ path, bytes: Buffer.from('x') })) })
    })
  }
})

suite('a recipe with a place that no image may have', () => {
  const more = ['/../x', '//x', '/..', '/.', '/a/../b', '/.wh.passwd', '/etc/.wh.shadow', '/.wh..wh..opq', '/.wh.x/y', 'relative', '..', '']
  const places = [...PATHS.map(({ path }) => path).filter((path) => !/^[^\\]*\\[^\\]*$|^(?:\\\\.*|C:\\x|\/.*|.*[^./]\/|)$/s.test(path)).map((path) => `/${path}`), ...more]
  for (const place of places.filter((one) => one.isWellFormed())) {
    test(JSON.stringify(place.slice(0, 60)), async () => {
      const to = JSON.stringify(place)
      for (const member of [`files: [{from: a, to: ${to}}]`, `unpack: [{source: file, item: a, to: ${to}}]`, `directories: [{path: ${to}}]`, `links: [{path: ${to}, target: x}]`, `program: {entry: a, to: ${to}}`]) {
        const folder = folderWith({ 'r.yaml': `image: x\nlayers:\n  - {name: a, ${member}}\n`, a: 'a' })
        assert.ok((await faultsOf(loadRecipe(join(folder, 'r.yaml'), lookupIn([])))).length > 0, member)
      }
    })
  }
})

suite('files beside a definition that must not cross', () => {
  const unfit: Record<string, (folder: string) => void> = {
    'a link to a secret of this machine': (folder) => symlinkSync('/etc/shadow', join(folder, 'tree/x')),
    'a link upwards': (folder) => symlinkSync('../bundle.yaml', join(folder, 'tree/x')),
    'a link to a folder outside': (folder) => symlinkSync('/etc', join(folder, 'tree/x')),
    'a link to a folder inside': (folder) => (mkdirSync(join(folder, 'tree/d')), symlinkSync('d', join(folder, 'tree/x'))),
    'a link to nothing': (folder) => symlinkSync('nowhere', join(folder, 'tree/x')),
    'a link to itself': (folder) => symlinkSync('x', join(folder, 'tree/x')),
    'a link to a folder with a longer name': (folder) => (mkdirSync(join(folder, 'tree-2')), writeFileSync(join(folder, 'tree-2/a'), 'a'), symlinkSync('../tree-2/a', join(folder, 'tree/x'))),
    'a pipe': (folder) => execFileSync('mknod', [join(folder, 'tree/x'), 'p']),
    'a device': (folder) => execFileSync('mknod', [join(folder, 'tree/x'), 'c', '1', '5']),
    'a name with a line break': (folder) => writeFileSync(join(folder, 'tree/a\nb'), 'x'),
    'a name that turns its direction': (folder) => writeFileSync(join(folder, 'tree/\u202egpj.sh'), 'x'),
    'a name that removes something': (folder) => writeFileSync(join(folder, 'tree/.wh.passwd'), 'x'),
  }
  for (const [name, change] of Object.entries(unfit)) {
    test(name, async () => {
      const folder = folderWith({
        'bundle.yaml': `${HEAD}iac: [{name: a, kind: ansible, from: tree}]\n`,
        'recipe.yaml': 'image: x\nlayers:\n  - {name: a, files: [{from: tree, to: /x}]}\n',
        'tree/a': 'a',
      })
      await loadDefinition(folder)
      await loadRecipe(join(folder, 'recipe.yaml'), lookupIn([]))
      change(folder)
      assert.match((await faultsOf(loadDefinition(folder))).join('\n'), /^bundle\.yaml:8:|bundle\.yaml:8:/)
      assert.match((await faultsOf(loadRecipe(join(folder, 'recipe.yaml'), lookupIn([])))).join('\n'), /recipe\.yaml:3:/)
      if (!existsSync(join(folder, 'tree/x')) || name === 'a link to a folder inside') return
      const file = folderWith({ 'bundle.yaml': `${HEAD}mirrors: [{name: a, ecosystem: file, files: [{from: tree/x, path: x}]}]\n`, 'tree/a': 'a' })
      change(file)
      assert.ok((await faultsOf(loadDefinition(file))).length > 0)
    })
  }
  test('a link to a file of the same folder is that file, and what never crosses may be anything', async () => {
    const folder = folderWith({ 'bundle.yaml': `${HEAD}iac: [{name: a, kind: ansible, from: tree}]\n`, 'tree/a': 'a', 'tree/.git/b': 'b' })
    symlinkSync('a', join(folder, 'tree/x'))
    symlinkSync('/etc/shadow', join(folder, 'tree/.git/x'))
    const { iac } = await loadDefinition(folder)
    assert.deepEqual(iac[0]?.files.map(({ path }) => path), ['a', 'x'])
  })
  test('a folder that is a link to another place', async () => {
    const folder = folderWith({ 'bundle.yaml': `${HEAD}iac: [{name: a, kind: ansible, from: tree}]\n` })
    symlinkSync('/etc/apt', join(folder, 'tree'))
    assert.match((await faultsOf(loadDefinition(folder))).join('\n'), /leads out of its folder/)
  })
  test('two files that are one on some system', async () => {
    const folder = folderWith({ 'bundle.yaml': `${HEAD}iac: [{name: a, kind: ansible, from: tree}]\n`, 'tree/a': 'a', 'tree/A': 'A' })
    assert.match((await faultsOf(loadDefinition(folder))).join('\n'), /differs from/)
  })
})

suite('on the medium', () => {
  for (const { name, change } of MISPLACED) {
    test(name, async () => {
      const directory = fresh('medium')
      const outside = fresh('aside')
      mkdirSync(outside)
      cpSync(victim.pristine, directory, { recursive: true })
      change(directory, outside)
      await bothRefuse(directory)
    })
  }
  for (const { name, change } of IN_PLACE) {
    test(`${name}, which is right`, async () => {
      const directory = fresh('medium')
      const outside = fresh('aside')
      mkdirSync(outside)
      cpSync(victim.pristine, directory, { recursive: true })
      change(directory, outside)
      const [mine, other] = [await judge({ ...usual, directory }), await second.judge({ ...usual, directory })]
      assert.deepEqual([mine.reasons, other.reasons], [[], []])
    })
  }
})
