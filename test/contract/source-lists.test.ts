import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { Fault } from '../../src/bundle/fault.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { ingest } from '../../src/connected/build/ingest.ts'
import type { MirrorPlan, MirrorSpec } from '../../src/connected/definition/definition.ts'
import { loadDefinition } from '../../src/connected/definition/load.ts'
import { SOURCES } from '../../src/connected/sources/index.ts'
import type { Item, LockedItem, SourceContext } from '../../src/connected/sources/source.ts'
import { LISTS, POM, REQUIREMENTS, type ListCase } from './source-lists.ts'
import { authority, layOut, serveStatic, type Authority } from './source-server.ts'

const root = mkdtempSync(join(tmpdir(), 'source-lists-'))
const signal = new AbortController().signal
let pki: Authority

before(() => {
  pki = authority(join(root, 'pki'))
})
after(() => rmSync(root, { recursive: true, force: true }))

/** The mirror's request as a definition for that target makes it, and a source for it. */
async function planned(folder: string, mirror: MirrorSpec, architecture = 'amd64'): Promise<{ plan: MirrorPlan; context: SourceContext }> {
  const head = { apiVersion: 'sallyport/v1', kind: 'release', name: 'lists', version: '1.0.0', sequence: 1, marking: { level: 'UNCLASSIFIED' } }
  const target = { os: 'debian', release: '13', architecture }
  writeFileSync(join(folder, 'bundle.yaml'), stringify({ ...head, targets: [target], mirrors: [mirror] }))
  const { mirrors, locate } = await loadDefinition(folder)
  const [plan] = mirrors
  assert.ok(plan)
  const scratch = mkdtempSync(join(root, 'scratch-'))
  return { plan, context: { store: new ContentStore(join(root, 'store')), scratch, target, signal, env: process.env, locate } }
}

async function resolved(folder: string, mirror: MirrorSpec, architecture?: string): Promise<readonly Item[]> {
  const { plan, context } = await planned(folder, mirror, architecture)
  return SOURCES[plan.ecosystem](context).resolve(plan.request)
}

const pathsOf = (items: readonly { readonly path: string }[]): string[] => items.map(({ path }) => path)

function holds(paths: readonly string[], { has, hasNot }: Pick<ListCase, 'has' | 'hasNot'>): void {
  for (const pattern of has) assert.ok(paths.some((path) => pattern.test(path)), `${pattern} is not among ${paths.join(' ')}`)
  for (const pattern of hasNot) assert.deepEqual(paths.filter((path) => pattern.test(path)), [], String(pattern))
}

for (const one of LISTS)
  describe(`a list of ${one.mirror.ecosystem}: ${one.mirror.list ?? 'refs'}`, () => {
    const folder = join(root, one.mirror.ecosystem)
    const list = join(folder, one.mirror.list ?? '')

    before(async () => {
      mkdirSync(folder, { recursive: true })
      await one.prepare(folder)
    })

    test(`${one.mirror.ecosystem}: is resolved for the target, and the client that has it works from the mirror alone`, async () => {
      const { plan, context } = await planned(folder, one.mirror)
      const source = SOURCES[plan.ecosystem](context)
      const items = await source.resolve(plan.request)
      holds(pathsOf(items), one)
      const stored: LockedItem[] = []
      for (const item of items) stored.push(await ingest(item, plan.request, { source, store: context.store, signal, onBytes: () => {} }))
      const tree = await source.tree(stored)
      for (const item of stored) assert.ok(tree.some(({ sha256 }) => sha256 === item.sha256), item.path)
      if (one.install === undefined) return
      const served = join(folder, 'served')
      layOut(tree, context.store, join(served, plan.ecosystem))
      const server = await serveStatic(served, pki)
      try {
        const place = join(folder, 'client')
        mkdirSync(place, { recursive: true })
        assert.match((await one.install({ host: server.host, ca: pki.ca, folder: place, list })).trim(), one.says ?? /^$/)
      } finally {
        await server.close()
      }
    })

    const { arm64 } = one
    if (arm64 !== undefined)
      test(`${one.mirror.ecosystem}: is resolved for a target of another processor than this machine’s`, async () => {
        const paths = pathsOf(await resolved(folder, one.mirror, 'arm64'))
        holds(paths, { has: arm64, hasNot: [/x86_64|linux-x64|_amd64/] })
      })
  })

describe('a list that does not pin what it names is refused', () => {
  let made = 0
  async function refusal(mirror: MirrorSpec, files: Readonly<Record<string, string>>): Promise<Fault> {
    const folder = join(root, `refused-${(made += 1)}`)
    mkdirSync(folder)
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text)
    const error = await resolved(folder, mirror).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof Fault, `a fault, not ${String(error)}`)
    return error
  }
  const codeOf = async (...args: Parameters<typeof refusal>): Promise<string> => (await refusal(...args)).code

  test('requirements without a hash, with a wrong one, or without one of what they depend on', async () => {
    const mirror: MirrorSpec = { name: 'pypi', ecosystem: 'pypi', list: 'requirements.txt' }
    assert.equal(await codeOf(mirror, { 'requirements.txt': 'idna==3.10\n' }), 'E_UPSTREAM_MISSING')
    assert.equal(await codeOf(mirror, { 'requirements.txt': `idna==3.10 --hash=sha256:${'0'.repeat(64)}\n` }), 'E_UPSTREAM_CHANGED')
    const alone = await refusal(mirror, { 'requirements.txt': `${REQUIREMENTS.split('\n')[0] ?? ''}\n` })
    assert.equal(alone.code, 'E_UPSTREAM_MISSING')
    assert.match(alone.detail.faults?.join() ?? '', /markupsafe/i)
  })

  test('a package-lock.json with a package from a repository, or without integrity', async () => {
    const lock = (entry: object): string => JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/is-odd': { version: '3.0.1', ...entry } } })
    const mirror: MirrorSpec = { name: 'npm', ecosystem: 'npm', list: 'package-lock.json' }
    assert.match((await refusal(mirror, { 'package-lock.json': lock({}) })).detail.faults?.join() ?? '', /no integrity/)
    const git = { resolved: 'git+ssh://git@git.example.org/is-odd.git#0123', integrity: 'sha512-AAAA' }
    assert.match((await refusal(mirror, { 'package-lock.json': lock(git) })).detail.faults?.join() ?? '', /does not come from a registry/)
  })

  test('a go.mod whose go.sum has another sum', async () => {
    const sums = `github.com/google/uuid v1.6.0 h1:${'A'.repeat(43)}=\ngithub.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n`
    const files = { 'go.mod': 'module example.org/tool\n\ngo 1.21\n\nrequire github.com/google/uuid v1.6.0\n', 'go.sum': sums }
    assert.equal(await codeOf({ name: 'go', ecosystem: 'go', list: 'go.mod' }, files), 'E_UPSTREAM_CHANGED')
  })

  test('a pom.xml that needs what the repository does not have', async () => {
    const error = await refusal({ name: 'maven', ecosystem: 'maven', list: 'pom.xml' }, { 'pom.xml': POM.replace('2.0.17', '99.0') })
    assert.equal(error.code, 'E_UPSTREAM_MISSING')
    assert.match(error.detail.faults?.join() ?? '', /slf4j-simple/)
  })

  test('a provider lock none of whose hashes the archive has', async () => {
    const folder = join(root, 'terraform')
    const file = join(folder, 'infra/.terraform.lock.hcl')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll(/zh:[0-9a-f]{64}/g, `zh:${'0'.repeat(64)}`))
    const error = await resolved(folder, LISTS.find(({ mirror }) => mirror.ecosystem === 'terraform')?.mirror as MirrorSpec).catch((reason: unknown) => reason)
    writeFileSync(file, text)
    assert.ok(error instanceof Fault && error.code === 'E_UPSTREAM_CHANGED', String(error))
  })

  test('collections by other ways than a server, a folder or an archive; roles', async () => {
    const error = await refusal(
      { name: 'galaxy', ecosystem: 'galaxy', list: 'requirements.yml' },
      { 'requirements.yml': 'roles: [{name: a.b}]\ncollections:\n  - {name: "https://git.example.org/a.git", type: git}\n' },
    )
    assert.equal(error.code, 'E_UPSTREAM_MISSING')
    assert.equal(error.detail.faults?.length, 2)
  })
})
