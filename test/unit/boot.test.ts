import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
// @ts-expect-error plain JavaScript, which runs before TypeScript can
import { lacking } from '../../boot/machine.mjs'
// @ts-expect-error the same
import { modulesAreCurrent } from '../../boot/modules.mjs'
// @ts-expect-error the same
import { PACKAGES } from '../../boot/packages.mjs'

const machine = { platform: 'linux', arch: 'x64', system: 'debian', release: '13', title: 'Debian GNU/Linux 13', root: true }

test('a Debian machine with root lacks nothing', () => {
  for (const release of ['12', '13']) assert.deepEqual(lacking('demo', { ...machine, release }), [])
})

test('what is missing is said first, and what still works after it', () => {
  const lines: string[] = lacking('test', { ...machine, root: false, system: 'fedora', title: 'Fedora Linux 43' })
  assert.match(lines[0] ?? '', /npm test cannot run here/)
  assert.match(lines.join('\n'), /Debian 12 or 13; this is Fedora Linux 43[^]*root\.[^]*What still works:[^]*--only unit/)
  assert.doesNotMatch(lacking('demo', { ...machine, platform: 'darwin' }).join('\n'), /sallyport --/)
})

test('every Debian package is asked for with a reason and a use', () => {
  for (const { name, why, for: uses } of PACKAGES) {
    assert.ok(why.length > 10, name)
    assert.ok(uses.length > 0 && uses.every((use: string) => ['demo', 'test'].includes(use)), name)
  }
})

test('npm packages count as installed when what npm noted last equals the lock, other systems aside', async () => {
  const root = await mkdtemp(join(tmpdir(), 'boot-'))
  try {
    const lock = { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'x' }, 'node_modules/b': { version: '2.0.0', optional: true } }
    const write = (file: string, packages: unknown) => writeFile(join(root, file), JSON.stringify({ packages }))
    await mkdir(join(root, 'node_modules/.bin'), { recursive: true })
    await write('package-lock.json', lock)
    assert.equal(modulesAreCurrent(root), false)
    await writeFile(join(root, 'node_modules/.bin/node'), '')
    await write('node_modules/.package-lock.json', { 'node_modules/a': lock['node_modules/a'] })
    assert.equal(modulesAreCurrent(root), true)
    await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.1', integrity: 'y' } })
    assert.equal(modulesAreCurrent(root), false)
    await write('node_modules/.package-lock.json', { 'node_modules/a': lock['node_modules/a'], 'node_modules/c': { version: '1.0.0' } })
    assert.equal(modulesAreCurrent(root), false)
  } finally {
    await rm(root, { recursive: true })
  }
})

test('the lock names every optional dependency of every package: npm ci refuses it otherwise', async () => {
  interface Entry {
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as { packages: Record<string, Entry> }
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`]),
  )
  assert.deepEqual(missing, [])
})
