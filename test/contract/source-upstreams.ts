import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ContentStore } from '../../src/bundle/store.ts'
import { ingest } from '../../src/connected/build/ingest.ts'
import type { MirrorSpec } from '../../src/connected/definition/definition.ts'
import { SOURCES } from '../../src/connected/sources/index.ts'
import type { LockedItem, Request, SourceKind } from '../../src/connected/sources/source.ts'
import { makeCollections, makeRepository } from './source-fixtures.ts'
import { settings, withoutOwn } from './source-lists.ts'
import { layOut } from './source-server.ts'

/** What an organisation's own repository has; each is a mirror of ours, which is an upstream like any other. */
export const HELD: Readonly<Partial<Record<SourceKind, readonly string[]>>> = {
  apt: ['hello'],
  npm: ['is-odd@3.0.1', 'is-even@1.0.0'],
  pypi: ['six==1.17.0', 'idna==3.10'],
  go: ['rsc.io/quote@v1.5.2'],
  maven: ['org.slf4j:slf4j-api:2.0.17'],
  galaxy: ['collections/greeting', 'collections/words'],
  git: ['tools#v1.0'],
}

/** Lays out the trees below `served`, as the organisation's administrators would have them. */
export async function fillUpstream(folder: string, served: string, kinds: readonly string[]): Promise<void> {
  const beside = join(folder, 'beside')
  makeCollections(beside)
  await makeRepository(beside)
  const store = new ContentStore(join(folder, 'upstream-store'))
  const signal = new AbortController().signal
  for (const [kind, items = []] of Object.entries(HELD) as [SourceKind, readonly string[]][]) {
    if (!kinds.includes(kind)) continue
    const scratch = join(folder, 'upstream-scratch', kind)
    mkdirSync(scratch, { recursive: true })
    const target = { os: 'debian', release: '13', architecture: 'amd64' }
    const source = SOURCES[kind]({ store, scratch, target, signal, env: process.env, locate: (path) => join(beside, path) })
    const request: Request = { items, purpose: 'mirror', ...(kind === 'apt' ? { suites: ['trixie'] } : {}) }
    const stored: LockedItem[] = []
    for (const item of await source.resolve(request)) stored.push(await ingest(item, request, { source, store, signal, onBytes: () => {} }))
    layOut(await source.tree(stored), store, join(served, kind))
  }
}

/** What a definition asks of it. */
export const asked = (host: string): readonly MirrorSpec[] => [
  { name: 'debian', ecosystem: 'apt', packages: ['hello'], suites: ['trixie'] },
  { name: 'npm', ecosystem: 'npm', packages: ['is-odd@3.0.1'] },
  { name: 'pypi', ecosystem: 'pypi', packages: ['six==1.17.0'] },
  { name: 'go', ecosystem: 'go', packages: ['rsc.io/quote@v1.5.2'] },
  { name: 'maven', ecosystem: 'maven', packages: ['org.slf4j:slf4j-api:2.0.17'] },
  { name: 'galaxy', ecosystem: 'galaxy', packages: ['example.greeting:1.0.0'] },
  { name: 'git', ecosystem: 'git', packages: [`https://${host}/git/tools.git#v1.0`] },
]

export interface Login {
  readonly host: string
  readonly username: string
  readonly password: string
  /** The file of the root that the organisation's servers are issued under. */
  readonly ca: string
}

/** The settings of a build machine's clients for that server, each client's own way; the environment that names them. */
export function clientSettings(folder: string, { host, username, password, ca }: Login): NodeJS.ProcessEnv {
  mkdirSync(join(folder, '.m2'), { recursive: true })
  for (const part of ['apt/empty', 'apt/sources']) mkdirSync(join(folder, part), { recursive: true })
  const put = (path: string, text: string): string => {
    writeFileSync(join(folder, path), text, { mode: 0o600 })
    return join(folder, path)
  }
  const [name = ''] = host.split(':')
  // curl looks for the name alone, go for name and port.
  put('.netrc', [name, host].map((machine) => `machine ${machine}\nlogin ${username}\npassword ${password}\n`).join(''))
  put('apt/auth.conf', `machine https://${host}/\nlogin ${username}\npassword ${password}\n`)
  put('apt/sources/upstream.sources', `Types: deb\nURIs: https://${host}/apt\nSuites: stable\nComponents: main\n`)
  const apt = put(
    'apt/apt.conf',
    [
      `Dir::Etc::Parts "${folder}/apt/empty"; Dir::Etc::main "${folder}/apt/none"; Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "${folder}/apt/sources";`,
      `Dir::Etc::netrc "${folder}/apt/auth.conf"; Acquire::https::CAInfo "${ca}";\n`,
    ].join('\n'),
  )
  const npm = put('npmrc', `${settings('npm/npmrc', host)}//${host}/npm/:_auth=${Buffer.from(`${username}:${password}`).toString('base64')}\ncache=${folder}/npm-cache\ncafile=${ca}\n`)
  const server = `<servers><server><id>depot</id><username>${username}</username><password>\${env.MAVEN_PASSWORD}</password></server></servers>`
  put('.m2/settings.xml', settings('maven/settings.xml', host).replace('<mirrors>', `${server}<mirrors>`))
  const ansible = put('ansible.cfg', `${settings('galaxy/ansible.cfg', host)}username = ${username}\npassword = ${password}\n`)
  const git = put('gitconfig', `[http]\n\tsslCAInfo = ${ca}\n`)
  return {
    ...withoutOwn(/^(?:PIP_|GO|GIT_|npm_|NODE_EXTRA|.*_CA_BUNDLE$|HOME$)/i),
    ...{ HOME: folder, NETRC: join(folder, '.netrc'), APT_CONFIG: apt, npm_config_userconfig: npm, MAVEN_PASSWORD: password, ANSIBLE_CONFIG: ansible },
    ...{ GIT_CONFIG_GLOBAL: git, GIT_CONFIG_SYSTEM: '/dev/null', SSL_CERT_FILE: ca, PIP_CERT: ca, PIP_CONFIG_FILE: put('pip.conf', settings('pypi/pip.conf', host)) },
    ...{ GOPROXY: `https://${host}/go`, GONOSUMDB: '*', GOTOOLCHAIN: 'local', GOFLAGS: '-modcacherw' },
  }
}
