import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Request, SourceKind } from '../../src/connected/sources/source.ts'
import { makeCollections, makeProvider, makeRepository, makeRpms } from './source-fixtures.ts'

/** What the contract suite needs to know of one ecosystem. */
export interface SourceCase {
  readonly kind: SourceKind
  readonly request: Request
  /** Items of which none exists; each must be named in one fault. */
  readonly missing: readonly string[]
  /** Makes what the request names beside the definition; without it that is bundles/hello. */
  prepare?(beside: string): void | Promise<void>
  /** Name of the folder that the depot serves the tree under; undefined for images, which are no tree. */
  readonly prefix?: string
  /** Installs from the tree with the ecosystem's own client and the settings of mirrors/, unmodified. */
  install?(place: { readonly host: string; readonly ca: string; readonly folder: string }): Promise<void>
}

const run = promisify(execFile)

/** A settings file of mirrors/ with the depot's name put in. */
function settings(path: string, host: string): string {
  return readFileSync(new URL(`../../mirrors/${path}`, import.meta.url), 'utf8').replaceAll('DEPOT', host)
}

function must(folder: string, pattern: RegExp): void {
  const found = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : []
  if (!found.some((path) => pattern.test(path)))
    throw new Error(`nothing like ${pattern} in ${folder}: ${found.slice(0, 20).join(' ')}`)
}

async function fetched(url: string, ca: string): Promise<Buffer> {
  const { stdout } = await run(
    'node',
    [
      '-e',
      `require('https').get(process.argv[1],r=>{if(r.statusCode!==200)process.exit(1);r.pipe(process.stdout)})`,
      url,
    ],
    {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
      encoding: 'buffer',
    },
  )
  return stdout
}

export const CASES: readonly SourceCase[] = [
  {
    kind: 'apt',
    request: {
      items: ['busybox-static', 'netbase'],
      purpose: 'mirror',
      suites: ['trixie', 'trixie-updates', 'trixie-security'],
    },
    missing: ['no-such-package-a', 'no-such-package-b'],
    prefix: 'apt',
    async install({ host, ca, folder }) {
      for (const part of ['sources', 'empty', 'state/lists/partial', 'cache/archives/partial', 'got'])
        mkdirSync(join(folder, part), { recursive: true })
      writeFileSync(join(folder, 'sources/sallyport.sources'), settings('apt/sallyport.sources', host))
      writeFileSync(join(folder, 'status'), '')
      writeFileSync(
        join(folder, 'apt.conf'),
        [
          `Dir::Etc::Parts "${folder}/empty"; Dir::Etc::main "${folder}/none"; Dir::Etc::sourcelist "/dev/null";`,
          `Dir::Etc::sourceparts "${folder}/sources"; Dir::State "${folder}/state"; Dir::State::status "${folder}/status";`,
          `Dir::Cache "${folder}/cache"; APT::Architecture "amd64"; APT::Architectures { "amd64"; };`,
          `Acquire::https::CAInfo "${ca}"; APT::Update::Error-Mode "any"; APT::Sandbox::User "";`,
        ].join('\n'),
      )
      const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf') }
      await run('apt-get', ['update', '-qq'], { env, cwd: folder })
      await run(
        'apt-get',
        ['install', '-qq', '--yes', '--download-only', '--no-install-recommends', 'busybox-static', 'netbase'],
        { env, cwd: folder },
      )
      must(join(folder, 'cache/archives'), /^busybox-static_.*\.deb$/)
    },
  },
  {
    kind: 'npm',
    request: { items: ['is-odd@3.0.1', '@types/ms@2.1.0'], purpose: 'mirror' },
    missing: ['is-odd@99.0.0', '@no-such-scope-sallyport/no-such@1.0.0'],
    prefix: 'npm',
    async install({ host, ca, folder }) {
      writeFileSync(join(folder, 'npmrc'), `${settings('npm/npmrc', host)}cache=${folder}/cache\n`)
      writeFileSync(join(folder, 'package.json'), '{"name":"client","version":"1.0.0","private":true}')
      const env = { ...process.env, npm_config_cafile: ca, npm_config_userconfig: join(folder, 'npmrc') }
      await run('npm', ['install', 'is-odd@3.0.1', '@types/ms@2.1.0'], { env, cwd: folder })
      must(join(folder, 'node_modules'), /^is-number\/package\.json$/)
      // The lock it wrote is enough for a clean install too.
      await run('npm', ['ci'], { env: { ...env, npm_config_cache: join(folder, 'cache2') }, cwd: folder })
      must(join(folder, 'node_modules'), /^@types\/ms\/package\.json$/)
    },
  },
  {
    kind: 'pypi',
    request: { items: ['six==1.17.0', 'cffi==1.17.1'], purpose: 'mirror' },
    missing: ['six==99.0', 'no-such-project-sallyport==1.0'],
    prefix: 'pypi',
    async install({ host, ca, folder }) {
      writeFileSync(join(folder, 'pip.conf'), settings('pypi/pip.conf', host))
      // The machine's own settings, which would win over the file's, stay outside.
      const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PIP_|_CA_BUNDLE$/.test(name)))
      const env = {
        ...rest,
        PIP_CONFIG_FILE: join(folder, 'pip.conf'),
        PIP_CERT: ca,
        PIP_NO_CACHE_DIR: '1',
        HOME: folder,
      }
      const target = [
        '--only-binary=:all:',
        '--python-version',
        '3.13',
        '--platform',
        'manylinux_2_17_x86_64',
        '--target',
        join(folder, 'site'),
      ]
      await run('python3', ['-m', 'pip', 'install', '--quiet', ...target, 'six', 'cffi'], { env, cwd: folder })
      must(join(folder, 'site'), /^pycparser\//)
    },
  },
  {
    kind: 'maven',
    request: { items: ['org.slf4j:slf4j-api:2.0.17'], purpose: 'mirror' },
    missing: ['org.slf4j:slf4j-api:99.0', 'no.such.group.sallyport:nothing:1.0:tar.gz'],
    prefix: 'maven',
    async install({ host, ca }) {
      const base = `https://${host}/maven/org/slf4j/slf4j-api/2.0.17/slf4j-api-2.0.17`
      const { createHash } = await import('node:crypto')
      for (const file of [`${base}.jar`, `${base}.pom`]) {
        const sha1 = createHash('sha1')
          .update(await fetched(file, ca))
          .digest('hex')
        if ((await fetched(`${file}.sha1`, ca)).toString() !== sha1) throw new Error(`${file}.sha1 does not fit`)
      }
      await fetched(`https://${host}/maven/org/slf4j/slf4j-parent/2.0.17/slf4j-parent-2.0.17.pom`, ca)
    },
  },
  {
    kind: 'go',
    request: { items: ['github.com/google/uuid@v1.6.0', 'github.com/spf13/cobra@v1.8.0'], purpose: 'mirror' },
    missing: ['github.com/google/uuid@v9.9.9', 'github.com/spf13/pflag@v99.0.0'],
    prefix: 'go',
    async install({ host, ca, folder }) {
      const own = Object.fromEntries(
        settings('go/go.env', host)
          .trim()
          .split('\n')
          .map((line) => line.split(/=(.*)/s).slice(0, 2)),
      )
      const env = {
        ...process.env,
        ...own,
        SSL_CERT_FILE: ca,
        GOMODCACHE: join(folder, 'modules'),
        GOCACHE: join(folder, 'cache'),
        GOFLAGS: '-modcacherw',
      }
      writeFileSync(
        join(folder, 'main.go'),
        'package main\n\nimport "github.com/spf13/cobra"\n\nfunc main() { _ = cobra.Command{} }\n',
      )
      await run('go', ['mod', 'init', 'client.invalid/client'], { env, cwd: folder })
      await run('go', ['get', 'github.com/spf13/cobra@v1.8.0'], { env, cwd: folder })
      await run('go', ['mod', 'verify'], { env, cwd: folder })
      must(join(folder, 'modules'), /spf13\/pflag@v1\.0\.5\/flag\.go$/)
    },
  },
  {
    kind: 'git',
    request: { items: ['tools#v1.0', 'tools#main'], purpose: 'mirror' },
    missing: ['tools#v9.9', 'nowhere#main'],
    prepare: makeRepository,
    prefix: 'git',
    async install({ host, ca, folder }) {
      writeFileSync(join(folder, 'gitconfig'), settings('git/gitconfig', host))
      const env = { ...process.env, GIT_CONFIG_GLOBAL: join(folder, 'gitconfig'), GIT_CONFIG_SYSTEM: '/dev/null', GIT_SSL_CAINFO: ca }
      await run('git', ['clone', '--quiet', `https://${host}/git/tools.git`, 'whole'], { env, cwd: folder })
      must(join(folder, 'whole'), /^later$/)
      await run('git', ['fsck', '--strict'], { env, cwd: join(folder, 'whole') })
      await run('git', ['clone', '--quiet', '-c', 'advice.detachedHead=false', '--branch', 'v1.0', `https://${host}/git/tools.git`, 'tagged'], { env, cwd: folder })
      const { stdout } = await run(join(folder, 'tagged/greet'))
      if (!stdout.includes('hello from a repository') || existsSync(join(folder, 'tagged/later'))) throw new Error('the tag is not what it was')
    },
  },
  {
    kind: 'galaxy',
    request: { items: ['collections/greeting', 'collections/words'], purpose: 'mirror' },
    missing: ['collections/nothing', 'collections/none.tar.gz'],
    prepare: makeCollections,
    prefix: 'galaxy',
    async install({ host, ca, folder }) {
      writeFileSync(join(folder, 'ansible.cfg'), settings('galaxy/ansible.cfg', host))
      const env = { ...process.env, ANSIBLE_CONFIG: join(folder, 'ansible.cfg'), ANSIBLE_GALAXY_CACHE_DIR: join(folder, 'cache'), SSL_CERT_FILE: ca }
      await run('ansible-galaxy', ['collection', 'install', 'example.greeting', '-p', join(folder, 'installed')], { env, cwd: folder })
      must(join(folder, 'installed'), /^ansible_collections\/example\/words\/MANIFEST\.json$/)
      await run('ansible-galaxy', ['collection', 'verify', 'example.greeting', '-p', join(folder, 'installed')], { env, cwd: folder })
    },
  },
  {
    kind: 'rpm',
    request: { items: ['greet'], purpose: 'mirror', repository: { name: 'tools', from: 'rpms', keys: ['rpms.asc'] } },
    missing: ['no-such-rpm-a', 'no-such-rpm-b'],
    prepare: makeRpms,
    prefix: 'rpm',
    async install({ host, ca, folder }) {
      for (const part of ['repos', 'log']) mkdirSync(join(folder, part))
      const text = settings('rpm/sallyport.repo', host).replaceAll('NAME', 'tools').replaceAll('repo-key.asc', 'rpms.asc')
      writeFileSync(join(folder, 'repos/sallyport.repo'), `${text}sslcacert=${ca}\n`)
      const own = [`reposdir=${folder}/repos`, `cachedir=${folder}/cache`, `logdir=${folder}/log`, 'plugins=0'].map((one) => `--setopt=${one}`)
      await run('dnf', ['--quiet', '--assumeyes', `--installroot=${folder}/root`, '--releasever=13', '--forcearch=x86_64', ...own, 'install', 'greet'], { cwd: folder })
      must(join(folder, 'root'), /^usr\/bin\/greet-rpm-words$/)
    },
  },
  {
    kind: 'terraform',
    request: { items: ['registry.example.org/team/hello=providers/terraform-provider-hello_1.0.0_linux_amd64.zip'], purpose: 'mirror' },
    missing: ['registry.example.org/team/none=providers/terraform-provider-none_1.0.0_linux_amd64.zip'],
    prepare: makeProvider,
    prefix: 'terraform',
    // The client itself is run in journeys 20: here Go's own dirhash, which it uses, and its protocol.
    async install({ host, ca, folder }) {
      const base = `https://${host}/terraform/registry.example.org/team/hello`
      const versions = JSON.parse((await fetched(`${base}/index.json`, ca)).toString()) as { versions: object }
      if (!('1.0.0' in versions.versions)) throw new Error('the version is not listed')
      const { archives } = JSON.parse((await fetched(`${base}/1.0.0.json`, ca)).toString()) as { archives: Record<string, { url: string; hashes: string[] }> }
      const { url = '', hashes = [] } = archives['linux_amd64'] ?? {}
      writeFileSync(join(folder, 'provider.zip'), await fetched(new URL(url, `${base}/1.0.0.json`).href, ca))
      writeFileSync(
        join(folder, 'main.go'),
        'package main\n\nimport (\n\t"fmt"\n\t"os"\n\n\t"golang.org/x/mod/sumdb/dirhash"\n)\n\nfunc main() {\n\tsum, err := dirhash.HashZip(os.Args[1], dirhash.Hash1)\n\tfmt.Print(sum, err)\n}\n',
      )
      const env = { ...process.env, GOFLAGS: '-modcacherw', GOMODCACHE: join(folder, 'modules') }
      await run('go', ['mod', 'init', 'client.invalid/client'], { env, cwd: folder })
      await run('go', ['get', 'golang.org/x/mod@v0.24.0'], { env, cwd: folder })
      const { stdout } = await run('go', ['run', '.', join(folder, 'provider.zip')], { env, cwd: folder })
      if (stdout !== `${hashes[0] ?? ''}<nil>`) throw new Error(`${stdout} is not ${hashes.join()}`)
    },
  },
  {
    kind: 'file',
    request: { items: ['greeting.txt'], purpose: 'mirror', paths: { 'greeting.txt': 'texts/greeting.txt' } },
    missing: ['nothing.txt', 'images/nothing.yaml'],
    prefix: 'files',
    async install({ host, ca }) {
      const text = await fetched(`https://${host}/files/texts/greeting.txt`, ca)
      if (!text.toString().startsWith('Hello')) throw new Error('the file is not what it was')
    },
  },
]
