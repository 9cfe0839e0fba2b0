import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { runClient } from '../../src/connected/sources/client.ts'
import { SOURCES } from '../../src/connected/sources/index.ts'
import type { Request, SourceContext, SourceKind } from '../../src/connected/sources/source.ts'

const root = mkdtempSync(join(tmpdir(), 'source-refusals-'))
after(() => rmSync(root, { recursive: true, force: true }))

function context(env: NodeJS.ProcessEnv): SourceContext {
  return {
    store: new ContentStore(join(root, 'store')),
    scratch: mkdtempSync(join(root, 'scratch-')),
    target: { os: 'debian', release: '13', architecture: 'amd64' },
    signal: new AbortController().signal,
    env: { ...process.env, ...env },
    locate: (path) => join(root, path),
  }
}

async function refusal(
  kind: SourceKind,
  items: readonly string[],
  env: NodeJS.ProcessEnv = {},
  more: Partial<Request> = {},
): Promise<Fault> {
  const error = await SOURCES[kind](context(env))
    .resolve({ items, purpose: 'image', ...more })
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  assert.ok(error instanceof Fault, `a fault, not ${String(error)}`)
  return error
}

/** This machine's apt as if its sources were these lines. */
function machineSources(name: string, lines: string): NodeJS.ProcessEnv {
  const folder = join(root, name)
  mkdirSync(join(folder, 'empty'), { recursive: true })
  writeFileSync(join(folder, 'sources.list'), lines)
  writeFileSync(
    join(folder, 'apt.conf'),
    `Dir::Etc::Parts "${folder}/empty"; Dir::Etc::main "${folder}/none"; Dir::Etc::sourcelist "${folder}/sources.list"; Dir::Etc::sourceparts "${folder}/empty";\n`,
  )
  return { APT_CONFIG: join(folder, 'apt.conf') }
}

const NOWHERE = 'https://127.0.0.1:9'

test('apt: an upstream that cannot be reached is said as such', async () => {
  const error = await refusal('apt', ['netbase'], machineSources('nowhere', `deb ${NOWHERE}/debian stable main\n`), {
    suites: ['trixie'],
  })
  assert.equal(error.code, 'E_UPSTREAM_UNREACHABLE')
})

test('apt: a machine whose sources name no Debian archive is told so', async () => {
  const error = await refusal('apt', ['netbase'], machineSources('none', `deb ${NOWHERE}/other nodistro main\n`), {
    suites: ['trixie', 'trixie-security'],
  })
  assert.equal(error.code, 'E_CLIENT_UNCONFIGURED')
  assert.deepEqual(error.detail.faults, ['no source for trixie', 'no source for trixie-security'])
})

// The machine may trust its own sources blindly; the build does not take that over.
test('apt: an index that Debian did not sign is refused', async () => {
  const archive = join(root, 'unsigned/dists/trixie/main/binary-amd64')
  mkdirSync(archive, { recursive: true })
  writeFileSync(join(archive, 'Packages'), '')
  writeFileSync(
    join(root, 'unsigned/dists/trixie/Release'),
    `Suite: trixie\nCodename: trixie\nDate: ${new Date().toUTCString()}\nComponents: main\nArchitectures: amd64\n`,
  )
  const error = await refusal(
    'apt',
    ['netbase'],
    machineSources('file', `deb [trusted=yes] file:${root}/unsigned stable main\n`),
    { suites: ['trixie'] },
  )
  assert.equal(error.code, 'E_UPSTREAM_SIGNATURE')
})

test('apt: packages that exclude each other are explained in apt’s words', async () => {
  const error = await refusal('apt', ['busybox', 'busybox-static'], {}, { suites: ['trixie'] })
  assert.equal(error.code, 'E_UNSATISFIABLE')
  assert.match(error.detail.faults?.join('\n') ?? '', /Conflicts/)
})

test('npm, pip, go and Maven: an upstream that cannot be reached is said as such', async () => {
  const home = join(root, 'home')
  mkdirSync(join(home, '.m2'), { recursive: true })
  writeFileSync(
    join(home, '.m2/settings.xml'),
    `<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>${NOWHERE}/m2</url></mirror></mirrors></settings>`,
  )
  const cases = [
    ['npm', 'is-odd@3.0.1', { npm_config_registry: `${NOWHERE}/npm/`, npm_config_cache: join(root, 'npm-cache') }],
    ['pypi', 'six==1.17.0', { PIP_INDEX_URL: `${NOWHERE}/simple`, PIP_FIND_LINKS: '', PIP_RETRIES: '1' }],
    ['go', 'github.com/google/uuid@v1.6.0', { GOPROXY: `${NOWHERE}/go` }],
    ['maven', 'org.slf4j:slf4j-api:2.0.17', { HOME: home }],
  ] as const
  for (const [kind, item, env] of cases)
    assert.equal((await refusal(kind, [item], env)).code, 'E_UPSTREAM_UNREACHABLE', kind)
})

test('a program that is not installed is named with its Debian package', async () => {
  const error = await runClient('no-such-program', [], {
    env: process.env,
    signal: new AbortController().signal,
    debian: 'no-such-package',
  }).catch((reason: unknown) => reason)
  assert.ok(error instanceof Fault)
  assert.equal(error.code, 'E_CLIENT_MISSING')
  assert.equal(error.detail.next, 'apt-get install no-such-package')
})
