import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { git, makeCollections, makeProvider, makeRepository, makeRpms } from './source-fixtures.ts'
import type { MirrorSpec } from '../../src/connected/definition/definition.ts'

const run = promisify(execFile)

/** Where a client stands: the host of the mirror, the root it trusts, a folder of its own, and the list that the mirror was made from. */
export interface Place {
  readonly host: string
  readonly ca: string
  readonly folder: string
  readonly list: string
}

/** A list as a project of the ecosystem has it, and what the mirror has to hold for the target, and must not. */
export interface ListCase {
  readonly mirror: MirrorSpec
  /** Writes the list, and what it names, beside the definition. */
  prepare(beside: string): void | Promise<void>
  readonly has: readonly RegExp[]
  readonly hasNot: readonly RegExp[]
  /** Paths that only the mirror of an arm64 target has; those of `has` that are for amd64 alone are gone from it then. */
  readonly arm64?: readonly RegExp[]
  /** The unmodified client with the same list and the settings of mirrors/; what it printed at last. */
  install?(place: Place): Promise<string>
  readonly says?: RegExp
}

/** A settings file of mirrors/ with the depot's name put in. */
export function settings(path: string, host: string): string {
  return readFileSync(new URL(`../../mirrors/${path}`, import.meta.url), 'utf8').replaceAll('DEPOT', host)
}

/** Variables of the machine's own settings that would win over a client's file. */
export const withoutOwn = (own: RegExp): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))

const MARKUPSAFE = {
  cp311: 'a123e330ef0853c6e822384873bef7507557d8e4a082961e1defa947aa59ba84',
  macos: 'f8b3d067f2e40fe93e1ccdd6b2e1d16c43140e76f02fb1319a05cf2b79d99430',
  aarch64: '569511d3b58c8791ab4c2e1285575265991e6d8f8700c7be0e88f86cb0672094',
  x86: '15ab75ef81add55874e7ab7055e9c397312385bd9ced94920f2802310c930396',
}
/** As pip-compile --generate-hashes writes it: hashes of all platforms, requirements of other Pythons with their markers. */
export const REQUIREMENTS = [
  'jinja2==3.1.6 --hash=sha256:85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67',
  `markupsafe==3.0.2 ${Object.values(MARKUPSAFE).map((hash) => `--hash=sha256:${hash}`).join(' ')}`,
  'six==1.17.0 ; python_version < "3.13" --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274',
  'idna==3.10 ; python_version >= "3.13" --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3',
].join('\n')

/** Versions of plugins that a project leaves out are its Maven's own, and the enclave's Maven may be another. */
function pinned(plugin: string): string {
  const [name = '', version = ''] = plugin.split(':')
  return `      <plugin><artifactId>maven-${name}-plugin</artifactId><version>${version}</version></plugin>\n`
}

export const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>hello</artifactId>
  <version>1.0</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>2.0.17</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
${['resources:3.3.1', 'compiler:3.14.0', 'surefire:3.5.3', 'jar:3.4.2', 'install:3.1.4', 'deploy:3.1.4', 'clean:3.5.0', 'site:3.21.0'].map(pinned).join('')}    </plugins>
  </build>
</project>
`

export const LISTS: readonly ListCase[] = [
  {
    mirror: { name: 'npm', ecosystem: 'npm', list: 'web/package-lock.json' },
    async prepare(beside) {
      const folder = join(beside, 'web')
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{"name":"web","version":"1.0.0","private":true,"dependencies":{"@parcel/watcher":"2.5.1","is-odd":"3.0.1"}}')
      await run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit'], { cwd: folder })
      // A project's lock has the registry's own addresses, whatever this machine's npm writes.
      const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version?: string; resolved?: string }> }
      for (const [where, entry] of Object.entries(lock.packages)) {
        const name = where.split('node_modules/').at(-1) ?? ''
        if (name !== '') entry.resolved = `https://registry.example.org/${name}/-/${name.split('/').at(-1) ?? ''}-${entry.version ?? ''}.tgz`
      }
      writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock, undefined, 2))
    },
    has: [/watcher-linux-x64-glibc-2\.5\.1\.tgz$/, /^_tarballs\/is-odd\//, /^_tarballs\/is-number\/is-number-6/, /^_tarballs\/is-number\/is-number-7/],
    hasNot: [/win32|darwin|musl|arm|freebsd/],
    arm64: [/watcher-linux-arm64-glibc-2\.5\.1\.tgz$/],
    async install({ host, ca, folder, list }) {
      for (const name of ['package.json', 'package-lock.json']) writeFileSync(join(folder, name), readFileSync(join(list, '..', name)))
      writeFileSync(join(folder, 'npmrc'), `${settings('npm/npmrc', host)}cache=${folder}/cache\n`)
      const env = { ...process.env, npm_config_cafile: ca, npm_config_userconfig: join(folder, 'npmrc') }
      await run('npm', ['ci', '--ignore-scripts'], { env, cwd: folder })
      const { stdout } = await run('node', ['-p', 'require("is-odd")(3) && typeof require("@parcel/watcher").subscribe'], { cwd: folder })
      return stdout
    },
    says: /^function$/,
  },
  {
    mirror: { name: 'pypi', ecosystem: 'pypi', list: 'requirements.txt' },
    prepare: (beside) => writeFileSync(join(beside, 'requirements.txt'), `${REQUIREMENTS}\n`),
    has: [/cp313-cp313-manylinux_2_17_x86_64/, /jinja2-3\.1\.6/, /idna-3\.10/],
    hasNot: [/cp311|macosx|aarch64/, /six/],
    arm64: [/cp313-cp313-manylinux_2_17_aarch64/],
    async install({ host, ca, folder, list }) {
      writeFileSync(join(folder, 'pip.conf'), settings('pypi/pip.conf', host))
      const env = { ...withoutOwn(/^PIP_|_CA_BUNDLE$/), PIP_CONFIG_FILE: join(folder, 'pip.conf'), PIP_CERT: ca, PIP_NO_CACHE_DIR: '1', HOME: folder }
      const target = ['--only-binary=:all:', '--python-version', '3.13', '--platform', 'manylinux_2_17_x86_64', '--target', join(folder, 'site')]
      // This machine's Python is another than the target's: the markers are the target's host's to see.
      const mine = readFileSync(list, 'utf8').split('\n').filter((line) => /^(?:jinja2|markupsafe)/.test(line))
      writeFileSync(join(folder, 'requirements.txt'), mine.join('\n'))
      await run('python3', ['-m', 'pip', 'install', '--quiet', '--require-hashes', ...target, '-r', 'requirements.txt'], { env, cwd: folder })
      const { stdout } = await run('python3', ['-c', 'import jinja2; print(jinja2.Template("hello {{ x }}").render(x="template"))'], { env: { ...env, PYTHONPATH: join(folder, 'site') } })
      return stdout
    },
    says: /hello template/,
  },
  {
    mirror: { name: 'go', ecosystem: 'go', list: 'tool/go.mod' },
    async prepare(beside) {
      const folder = join(beside, 'tool')
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'main.go'), 'package main\n\nimport (\n\t"fmt"\n\n\t"github.com/google/uuid"\n\t"golang.org/x/text/language"\n)\n\nfunc main() { fmt.Println("hello", uuid.Nil, language.German) }\n')
      const env = { ...process.env, GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' }
      await run('go', ['mod', 'init', 'example.org/tool'], { cwd: folder, env })
      await run('go', ['get', 'github.com/google/uuid@v1.6.0', 'golang.org/x/text@v0.14.0'], { cwd: folder, env })
      await run('go', ['mod', 'tidy'], { cwd: folder, env })
    },
    has: [/^github\.com\/google\/uuid\/@v\/v1\.6\.0\.zip$/, /^golang\.org\/x\/text\/@v\/v0\.14\.0\.zip$/],
    hasNot: [],
    async install({ host, ca, folder, list }) {
      const own = Object.fromEntries(settings('go/go.env', host).trim().split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)))
      const env = { ...process.env, ...own, SSL_CERT_FILE: ca, GOMODCACHE: join(folder, 'modules'), GOFLAGS: '-modcacherw -mod=readonly' }
      for (const name of ['go.mod', 'go.sum', 'main.go']) writeFileSync(join(folder, name), readFileSync(join(list, '..', name)))
      const { stdout } = await run('go', ['run', '.'], { env, cwd: folder })
      return stdout
    },
    says: /^hello 00000000-0000-0000-0000-000000000000 de$/,
  },
  {
    mirror: { name: 'maven', ecosystem: 'maven', list: 'service/pom.xml' },
    prepare(beside) {
      mkdirSync(join(beside, 'service'), { recursive: true })
      writeFileSync(join(beside, 'service/pom.xml'), POM)
    },
    has: [/^org\/slf4j\/slf4j-simple\/2\.0\.17\/slf4j-simple-2\.0\.17\.jar$/, /^org\/slf4j\/slf4j-api\/2\.0\.17\/slf4j-api-2\.0\.17\.jar$/, /maven-compiler-plugin-[^/]+\.jar$/],
    hasNot: [/_remote\.repositories|resolver-status/],
    async install({ host, ca, folder, list }) {
      writeFileSync(join(folder, 'settings.xml'), settings('maven/settings.xml', host))
      writeFileSync(join(folder, 'pom.xml'), readFileSync(list))
      mkdirSync(join(folder, 'src/main/java'), { recursive: true })
      writeFileSync(join(folder, 'src/main/java/Hello.java'), 'public class Hello {\n  public static void main(String[] a) {\n    org.slf4j.LoggerFactory.getLogger("hello").info("from maven");\n  }\n}\n')
      await run('keytool', ['-importcert', '-noprompt', '-alias', 'root', '-file', ca, '-keystore', join(folder, 'trust.p12'), '-storetype', 'PKCS12', '-storepass', 'changeit'])
      const env = { ...process.env, HOME: folder, MAVEN_OPTS: `-Djavax.net.ssl.trustStore=${folder}/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit` }
      await run('mvn', ['-q', '-B', '-s', 'settings.xml', `-Dmaven.repo.local=${folder}/repository`, 'package'], { env, cwd: folder })
      const at = (name: string): string => `${folder}/repository/org/slf4j/${name}/2.0.17/${name}-2.0.17.jar`
      const { stderr } = await run('java', ['-cp', ['target/classes', at('slf4j-api'), at('slf4j-simple')].join(':'), 'Hello'], { cwd: folder })
      return stderr
    },
    says: /from maven/,
  },
  {
    mirror: { name: 'galaxy', ecosystem: 'galaxy', list: 'requirements.yml' },
    prepare(beside) {
      makeCollections(beside)
      writeFileSync(join(beside, 'requirements.yml'), 'collections:\n  - name: collections/greeting\n    type: dir\n  - name: collections/words\n    type: dir\n')
    },
    has: [/^artifacts\/example-greeting-1\.0\.0\.tar\.gz$/, /^artifacts\/example-words-1\.0\.0\.tar\.gz$/],
    hasNot: [],
    async install({ host, ca, folder }) {
      writeFileSync(join(folder, 'ansible.cfg'), settings('galaxy/ansible.cfg', host))
      writeFileSync(join(folder, 'requirements.yml'), 'collections:\n  - name: example.greeting\n    version: ">=1.0.0,<2.0.0"\n')
      const env = { ...process.env, ANSIBLE_CONFIG: join(folder, 'ansible.cfg'), ANSIBLE_GALAXY_CACHE_DIR: join(folder, 'cache'), SSL_CERT_FILE: ca }
      await run('ansible-galaxy', ['collection', 'install', '-r', 'requirements.yml', '-p', join(folder, 'installed')], { env, cwd: folder })
      const { stdout } = await run('ansible-galaxy', ['collection', 'list', '-p', join(folder, 'installed')], { env, cwd: folder })
      return stdout
    },
    says: /example\.greeting\s+1\.0\.0[\s\S]*example\.words\s+1\.0\.0/,
  },
  {
    mirror: { name: 'terraform', ecosystem: 'terraform', list: 'infra/.terraform.lock.hcl', packages: ['registry.example.org/team/hello=providers/terraform-provider-hello_1.0.0_linux_amd64.zip'] },
    async prepare(beside) {
      await makeProvider(beside)
      const { stdout } = await run('sha256sum', [join(beside, 'providers/terraform-provider-hello_1.0.0_linux_amd64.zip')])
      mkdirSync(join(beside, 'infra'), { recursive: true })
      // As the client writes it: archives of other platforms among the hashes.
      const hashes = [stdout.slice(0, 64), '0'.repeat(64)].map((hash) => `    "zh:${hash}",\n`)
      writeFileSync(
        join(beside, 'infra/.terraform.lock.hcl'),
        `# This file is maintained automatically by "tofu init".\n\nprovider "registry.example.org/team/hello" {\n  version     = "1.0.0"\n  constraints = "~> 1.0"\n  hashes = [\n${hashes.join('')}  ]\n}\n`,
      )
    },
    has: [/^registry\.example\.org\/team\/hello\/terraform-provider-hello_1\.0\.0_linux_amd64\.zip$/],
    hasNot: [],
  },
  {
    mirror: { name: 'tools', ecosystem: 'rpm', list: 'packages.txt', repository: { from: 'rpms', keys: ['rpms.asc'] } },
    async prepare(beside) {
      await makeRpms(beside)
      writeFileSync(join(beside, 'packages.txt'), '# what the hosts need\ngreet\n')
    },
    has: [/^tools\/greet-1\.0-1\.noarch\.rpm$/, /^tools\/greet-words-1\.0-1\.noarch\.rpm$/],
    hasNot: [],
  },
  {
    mirror: { name: 'debian', ecosystem: 'apt', list: 'debian.txt', suites: ['trixie'] },
    prepare: (beside) => writeFileSync(join(beside, 'debian.txt'), '# small ones\nnetbase   # services and protocols\n\nbusybox-static\n'),
    has: [/busybox-static_[^/]*_amd64\.deb$/, /netbase_[^/]*_all\.deb$/, /^dists\/trixie\/InRelease$/],
    hasNot: [/_arm64|deb12|bookworm/],
    arm64: [/busybox-static_[^/]*_arm64\.deb$/],
  },
  {
    mirror: { name: 'git', ecosystem: 'git', packages: ['tools#v1.0', 'tools#main'] },
    async prepare(beside) {
      await makeRepository(beside)
      await git(join(beside, 'tools'), 'branch', 'not-asked-for')
    },
    has: [/^tools\.git\/objects\/pack\/pack-[0-9a-f]{40}\.pack$/],
    hasNot: [],
    async install({ host, ca, folder }) {
      const { stdout } = await run('git', ['ls-remote', `https://${host}/git/tools.git`], { env: { ...process.env, GIT_SSL_CAINFO: ca }, cwd: folder })
      return stdout.replaceAll(/[0-9a-f]{40}\t/g, '')
    },
    says: /^HEAD\nrefs\/heads\/main\nrefs\/tags\/v1\.0\nrefs\/tags\/v1\.0\^\{\}$/,
  },
]
