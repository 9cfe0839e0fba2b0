import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { goProgram, packedProvider, PROVIDER } from '../contract/opentofu.ts'
import { ADDRESS, providerRegistry, type ProviderRegistry } from '../contract/source-providers.ts'
import { build, UPSTREAM, type Ended } from '../contract/source-organisation.ts'

/** OpenTofu's own client against a registry that signs, asks for a login, and lies. */
const root = mkdtempSync(join(tmpdir(), 'source-terraform-'))
let registry: ProviderRegistry
let path = ''

before(async () => {
  const say = (line: string): void => console.log(`    ${line}`)
  path = `${dirname(await goProgram('tofu', say))}:${process.env['PATH'] ?? ''}`
  registry = await providerRegistry(root, await packedProvider(join(root, 'provider'), say))
}, { timeout: 20 * 60_000 })

after(async () => {
  await registry.close()
  rmSync(root, { recursive: true, force: true })
})

function taken(name: string, version: string = PROVIDER.version, wrong = ''): Promise<Ended> {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  const head = { apiVersion: 'sallyport/v1', kind: 'content', name: 'providers', version: '1.0.0', sequence: 1, marking: { level: 'UNCLASSIFIED' } }
  const mirrors = [{ name: 'terraform', ecosystem: 'terraform', packages: [`${ADDRESS}@${version}`] }]
  writeFileSync(join(folder, 'bundle.yaml'), stringify({ ...head, targets: [{ os: 'debian', release: '13', architecture: 'amd64' }], mirrors }))
  return build(folder, { ...process.env, PATH: path, ...registry.login(wrong) })
}

/** A file of the registry is other than it was signed while `work` runs. */
async function altered<T>(file: string, work: () => Promise<T>): Promise<T> {
  const place = join(registry.served, file)
  const before = readFileSync(place)
  writeFileSync(place, before.map((byte, at) => (at === before.length >> 1 ? byte ^ 1 : byte)))
  try {
    return await work()
  } finally {
    writeFileSync(place, before)
  }
}

test('a provider is taken from a registry with its signature checked; the login is nowhere', async () => {
  const { exit, said } = await taken('good')
  assert.equal(exit, 0, said)
  assert.ok(registry.answered.some((asked) => asked.endsWith('SHA256SUMS.sig')), 'the signature was not asked for')
  const files = readdirSync(join(root, 'good'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const lock = files.find(({ name }) => name.endsWith('.lock.yaml'))
  assert.match(readFileSync(join(lock?.parentPath ?? '', lock?.name ?? ''), 'utf8'), /localhost\/team\/local[\s\S]*h1:/)
  for (const { parentPath, name } of files) assert.ok(!readFileSync(join(parentPath, name), 'latin1').includes(registry.token), `the login is in ${name}`)
  assert.ok(!said.includes(registry.token))
})

test('without the login nothing is given, and that is said', async () => {
  const { exit, said } = await taken('login', PROVIDER.version, '-not')
  assert.equal(exit, UPSTREAM, said)
  assert.match(said, /E_UPSTREAM_LOGIN/)
  assert.ok(!said.includes(registry.token))
})

for (const [what, file] of [['archive', `files/${PROVIDER.file}`], ['list of sums', 'files/SHA256SUMS'], ['signature', 'files/SHA256SUMS.sig']] as const)
  test(`a changed ${what} is refused by the client`, async () => {
    const { exit, said } = await altered(file, () => taken(`changed-${what.replaceAll(' ', '-')}`))
    assert.equal(exit, UPSTREAM, said)
    assert.match(said, /E_UPSTREAM_SIGNATURE/, said)
  })

test('a version that the registry does not have is named', async () => {
  const { exit, said } = await taken('missing', '9.9.9')
  assert.equal(exit, UPSTREAM, said)
  assert.match(said, /E_UPSTREAM_MISSING[\s\S]*localhost\/team\/local@9\.9\.9/)
})
