import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { build, startBuild, type BuildOptions, type BuiltBundle } from '../../src/connected/build/build.ts'
import { lockText, readLock } from '../../src/connected/lock/file.ts'
import { accountedFor, assertCycloneDx } from './evidence-schema.ts'

const root = mkdtempSync(join(tmpdir(), 'connected-build-'))
after(() => rmSync(root, { recursive: true }))

const FILES = {
  'bundle.yaml': `apiVersion: sallyport/v1
kind: release
name: small
version: 1.0.0
sequence: 100
marking: {level: UNCLASSIFIED}
targets: [{os: debian, release: "13", architecture: amd64}]
mirrors:
  - {name: files, ecosystem: file, files: [{from: a.txt, path: deep/a.txt}]}
images:
  - {name: one, recipe: images/one.yaml}
iac:
  - {name: ansible, kind: ansible, from: ansible}
`,
  'a.txt': 'a\n',
  'images/one.yaml': 'image: one\nlayers:\n  - name: one\n    files: [{from: hello.txt, to: /hello.txt}]\n',
  'images/hello.txt': 'hello\n',
  'ansible/site.yml': '[]\n',
}

/** A definition that needs no network, with a store of its own. */
function workshop(): {
  folder: string
  at(path: string, text: string): void
  options(out: string, more?: Partial<BuildOptions>): BuildOptions
} {
  const place = mkdtempSync(join(root, 'case-'))
  const folder = join(place, 'definition')
  const at = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(FILES)) at(path, text)
  const options = (out: string, more: Partial<BuildOptions> = {}): BuildOptions => ({
    definition: folder,
    out: join(place, out),
    update: false,
    store: join(place, 'store'),
    env: process.env,
    signal: new AbortController().signal,
    installer: false,
    ...more,
  })
  return { folder, at, options }
}

function contents(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return Object.fromEntries(paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'base64')]))
}

async function refused(work: Promise<BuiltBundle>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, `a fault, not ${String(error)}`)
  return error
}

test('the first build writes the lock, the second follows it and gives the same bytes', async () => {
  const { folder, options } = workshop()
  const first = await build(options('one'))
  assert.equal(first.resolved, true)
  const lock = await readLock(join(folder, 'bundle.lock.yaml'))
  assert.ok(lock)
  assert.equal(lockText(lock), readFileSync(join(folder, 'bundle.lock.yaml'), 'utf8'))
  assert.equal(first.statement.created, lock.created)
  const second = await build(options('two'))
  assert.equal(second.resolved, false)
  assert.equal(second.digest, first.digest)
  assert.deepEqual(contents(second.directory), contents(first.directory))
  const evidence = readdirSync(join(first.directory, 'evidence')).sort()
  assert.deepEqual(evidence, ['bundle.lock.yaml', 'images', 'oscal', 'provenance.json', 'sbom.cdx.json', 'tables'])
  assert.equal(
    existsSync(join(first.directory, 'signatures')) && readdirSync(join(first.directory, 'signatures')).length > 0,
    false,
  )
})

test('the SBOMs of a bundle and its images are valid, and account for every file that crosses', async () => {
  const { options } = workshop()
  const bundle = await build(options('one'))
  const evidence = (path: string): Buffer => readFileSync(join(bundle.directory, 'evidence', path))
  const document = assertCycloneDx(evidence('sbom.cdx.json'))
  const names = document.components?.map(({ name }) => name) ?? []
  for (const name of ['one', 'a.txt', 'iac/ansible/site.yml', 'docs/format.md']) assert.ok(names.includes(name), name)
  const image = document.components?.find(({ name }) => name === 'one')
  const [reference] = image?.externalReferences ?? []
  assert.equal(reference?.url, 'images/one.cdx.json')
  assert.equal(reference?.hashes?.[0]?.content, createHash('sha512').update(evidence('images/one.cdx.json')).digest('hex'))
  assert.equal(image?.hashes?.[1]?.content, bundle.statement.images[0]?.manifest.sha512)
  const { owned, unowned } = accountedFor(assertCycloneDx(evidence('images/one.cdx.json')))
  assert.deepEqual([[...owned], unowned], [[], ['/hello.txt']])
  const digests = new Set(document.components?.flatMap(({ hashes }) => hashes?.map(({ content }) => content) ?? []))
  for (const { tree } of bundle.statement.mirrors)
    for (const { sha256 } of JSON.parse(readFileSync(join(bundle.directory, 'blobs/sha256', tree.sha256), 'utf8')) as { sha256: string }[])
      assert.ok(digests.has(sha256), sha256)
})

test('a blob of the store that was damaged is fetched again', async () => {
  const { options } = workshop()
  const first = await build(options('one'))
  const sha256 = /path: a\.txt.*? sha256: ([0-9a-f]{64})|sha256:([0-9a-f]{64}), size: 2/.exec(
    readFileSync(first.lockFile, 'utf8'),
  )
  const blob = join(options('').store, 'blobs/sha256', sha256?.[1] ?? sha256?.[2] ?? '')
  writeFileSync(blob, 'b\n')
  assert.equal((await build(options('two'))).digest, first.digest)
})

test('what a build that crashed left in the work folder is cleared by the next one', async () => {
  const { options } = workshop()
  // 2^22 is the greatest process id of Linux.
  mkdirSync(join(options('').store, 'work/4194305-abc/layer'), { recursive: true })
  await build(options('one'))
  assert.deepEqual(readdirSync(join(options('').store, 'work')), [])
})

test('a stale lock is refused, naming what was changed, added and removed; --update resolves again', async () => {
  const { folder, at, options } = workshop()
  await build(options('one'))
  at('a.txt', 'other\n')
  at('ansible/new.yml', '[]\n')
  rmSync(join(folder, 'ansible/site.yml'))
  const error = await refused(build(options('two')))
  assert.equal(error.code, 'E_LOCK_STALE')
  assert.deepEqual([...(error.detail.faults ?? [])].sort(), [
    'added: ansible/new.yml',
    'changed: a.txt',
    'removed: ansible/site.yml',
  ])
  assert.equal(existsSync(options('two').out), false)
  const updated = await build(options('two', { update: true }))
  assert.equal(updated.resolved, true)
  assert.equal((await build(options('three'))).digest, updated.digest)
})

test('a lock edited by hand, damaged, or of a later version is refused with every fault', async () => {
  const { folder, options } = workshop()
  await build(options('one'))
  const file = join(folder, 'bundle.lock.yaml')
  const text = readFileSync(file, 'utf8')
  for (const [from, to, fault] of [
    ['lockVersion: 1', 'lockVersion: 2', /:3:1: lockVersion must be/],
    ['created: 20', 'created: 19x', /created must match/],
    ['definition:\n  digest: ', 'definition:\n  digest: 0', /digest must match/],
    ['    a.txt: ', '    b.txt: ', undefined],
  ] as const) {
    writeFileSync(file, text.replace(from, to))
    const error = await refused(build(options('two')))
    assert.equal(error.code, 'E_LOCK_INVALID', from)
    if (fault !== undefined) assert.match(error.detail.faults?.join('\n') ?? '', fault)
  }
})

test('a release has its own lock and starts from the items of what it extends', async () => {
  const { folder, at, options } = workshop()
  const base = await build(options('one'))
  at(
    'releases/2/bundle.yaml',
    'apiVersion: sallyport/v1\nextends: ../..\noverlay: overlay\nversion: 2.0.0\nsequence: 200\n',
  )
  at('releases/2/overlay/images/hello.txt', 'hello from 2\n')
  const release = await build(options('two', { definition: join(folder, 'releases/2') }))
  assert.equal(release.lockFile, join(folder, 'releases/2/bundle.lock.yaml'))
  assert.notEqual(release.statement.images[0]?.manifest.sha256, base.statement.images[0]?.manifest.sha256)
  assert.deepEqual(release.statement.mirrors, base.statement.mirrors)
})

test('an existing output is never touched, and refused before anything is read', async () => {
  const { options } = workshop()
  mkdirSync(options('one').out)
  const error = await refused(build(options('one', { definition: 'nowhere' })))
  assert.equal(error.code, 'E_BUNDLE_EXISTS')
})

test('an interrupted build leaves neither bundle nor lock, and goes on when repeated', async () => {
  const { folder, at, options } = workshop()
  at('a.txt', 'x'.repeat(40 << 20))
  const controller = new AbortController()
  const run = await startBuild(options('one', { signal: controller.signal }))
  let stopped = ''
  await assert.rejects(
    async () => {
      for (const step of run.steps) {
        stopped = step.title
        await step.run(({ unit, done }) => {
          if (unit === 'bytes' && done > 0) controller.abort()
        })
      }
    },
    (error) => error instanceof Fault && error.code === 'E_BUILD_INTERRUPTED',
  )
  await run.end()
  assert.equal(stopped, 'Fetch')
  assert.deepEqual(readdirSync(dirname(options('one').out)).sort(), ['definition', 'store'])
  for (const folder of ['tmp', 'work']) assert.deepEqual(readdirSync(join(options('one').store, folder)), [], folder)
  assert.equal(existsSync(join(folder, 'bundle.lock.yaml')), false)
  await build(options('one'))
})
