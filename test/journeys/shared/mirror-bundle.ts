import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { configuration, lockFile, PROVIDER } from '../../contract/opentofu.ts'
import { git, makeCollections, makeRepository, makeRpms } from '../../contract/source-fixtures.ts'
import { LISTS, POM, REQUIREMENTS, settings } from '../../contract/source-lists.ts'
import { ADDRESS } from '../../contract/source-providers.ts'
import type { MirrorSpec } from '../../../src/connected/definition/definition.ts'

const run = promisify(execFile)
const HELLO = new URL('../../../bundles/hello/', import.meta.url).pathname

/** The same provider under two addresses: as an archive beside the definition, and from a registry (source-providers.ts). */
const PUBLISHED = 'registry.example.org/team/local'

const MIRRORS: readonly MirrorSpec[] = [
  { name: 'debian', ecosystem: 'apt', suites: ['trixie', 'trixie-updates', 'trixie-security'], packages: ['ca-certificates', 'hello', 'nginx'] },
  { name: 'npm', ecosystem: 'npm', list: 'web/package-lock.json' },
  { name: 'pypi', ecosystem: 'pypi', list: 'requirements.txt' },
  { name: 'go', ecosystem: 'go', list: 'tool/go.mod' },
  { name: 'maven', ecosystem: 'maven', list: 'service/pom.xml' },
  { name: 'galaxy', ecosystem: 'galaxy', list: 'requirements.yml' },
  { name: 'git', ecosystem: 'git', packages: ['tools#v1.0'] },
  { name: 'tools', ecosystem: 'rpm', list: 'packages.txt', repository: { from: 'rpms', keys: ['rpms.asc'] } },
  { name: 'terraform', ecosystem: 'terraform', list: 'infra/.terraform.lock.hcl', packages: [`${PUBLISHED}=providers/${PROVIDER.file}`, `${ADDRESS}@${PROVIDER.version}`] },
  { name: 'files', ecosystem: 'file', files: [{ from: 'greeting.txt', path: 'texts/greeting.txt' }] },
]

/** A definition with something small of every ecosystem, as lists where the ecosystem has them; `provider` is an archive. */
export async function mirrorDefinition(folder: string, provider: string, tofu: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await LISTS.find(({ mirror }) => mirror.ecosystem === 'npm')?.prepare(folder)
  await mkdir(join(folder, 'providers'), { recursive: true })
  await copyFile(provider, join(folder, 'providers', PROVIDER.file))
  await lockFile(join(folder, 'infra'), PUBLISHED, provider, tofu)
  await put('requirements.txt', `${REQUIREMENTS}\n`)
  await put('service/pom.xml', POM)
  await put('requirements.yml', 'collections:\n  - {name: collections/greeting, type: dir}\n  - {name: collections/words, type: dir}\n')
  await put('packages.txt', 'greet\n')
  await put('tool/main.go', 'package main\n\nimport "rsc.io/quote"\n\nfunc main() { println(quote.Hello()) }\n')
  await put('tool/go.mod', 'module example.org/tool\n\ngo 1.21\n\nrequire rsc.io/quote v1.5.2\n')
  await run('go', ['mod', 'tidy'], { cwd: join(folder, 'tool'), env: { ...process.env, GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' } })
  await makeRepository(folder)
  makeCollections(folder)
  await makeRpms(folder)
  await cp(HELLO, folder, { recursive: true, filter: (path) => !path.endsWith('.lock.yaml') })
  await put(
    'bundle.yaml',
    stringify({
      ...{ apiVersion: 'sallyport/v1', kind: 'release', name: 'hello', version: '1.0.0', sequence: 100 },
      marking: { level: 'UNCLASSIFIED' },
      targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
      mirrors: MIRRORS,
      images: [{ name: 'hello', recipe: 'images/hello.yaml' }],
    }),
  )
}

/** What the people of the enclave have on their host: their own projects, and the settings of mirrors/ as they are. */
export async function clientFolders(definition: string, folder: string, depot: string, tofu: string): Promise<void> {
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const take = async (from: string, to: string): Promise<void> => put(to, await readFile(join(definition, from), 'utf8'))
  for (const name of ['apt', 'oci']) await mkdir(join(folder, name), { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) await take(`web/${name}`, `npm/${name}`)
  await put('npm/.npmrc', `${settings('npm/npmrc', depot)}cache=./cache\n`)
  await take('requirements.txt', 'pypi/requirements.txt')
  await put('pypi/pip.conf', settings('pypi/pip.conf', depot))
  for (const name of ['go.mod', 'go.sum', 'main.go']) await take(`tool/${name}`, `go/${name}`)
  await put('go/go.env', settings('go/go.env', depot))
  await take('service/pom.xml', 'maven/pom.xml')
  await put('maven/settings.xml', settings('maven/settings.xml', depot))
  await put(
    'maven/src/main/java/Hello.java',
    'public class Hello {\n  public static void main(String[] a) {\n    org.slf4j.LoggerFactory.getLogger("hello").info("from maven");\n  }\n}\n',
  )
  await put('galaxy/ansible.cfg', settings('galaxy/ansible.cfg', depot))
  await put('galaxy/requirements.yml', 'collections:\n  - {name: example.greeting, version: ">=1.0.0"}\n')
  await put('galaxy/play.yml', '- hosts: all\n  gather_facts: false\n  roles: [example.greeting.greet]\n')
  await put('git/commit', await git(join(definition, 'tools'), 'rev-parse', 'v1.0^{commit}'))
  await put('rpm/repos/sallyport.repo', settings('rpm/sallyport.repo', depot).replaceAll('NAME', 'tools').replaceAll('repo-key.asc', 'rpms.asc'))
  await put('terraform/tofurc', settings('terraform/tofurc', depot))
  await put('terraform/main.tf', configuration(PUBLISHED))
  await take('infra/.terraform.lock.hcl', 'terraform/.terraform.lock.hcl')
  await put('terraform/registry/main.tf', configuration(ADDRESS))
  await copyFile(tofu, join(folder, 'terraform/tofu'))
  await chmod(join(folder, 'terraform/tofu'), 0o755)
  const greeting = await readFile(join(definition, 'greeting.txt'))
  await put('file/SHA512SUMS', `${createHash('sha512').update(greeting).digest('hex')}  texts/greeting.txt\n`)
  await copyFile(new URL('tamper.py', import.meta.url), join(folder, 'tamper.py'))
}
