import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { imageBom } from '../../src/evidence/image-bom.ts'
import { recipeContents } from '../../src/connected/images/contents.ts'
import { foreignContents } from '../../src/connected/images/foreign/contents.ts'
import type { LockedItem } from '../../src/connected/sources/source.ts'
import { accountedFor, assertCycloneDx, type CycloneDx } from './evidence-schema.ts'
import { ImageBench, layersOf } from './images-fixture.ts'

const bench = new ImageBench()
after(() => rmSync(bench.folder, { recursive: true }))

bench.package('base-files', { 'usr/lib/os-release': 'ID=debian\n', 'etc/os-release': '-> ../usr/lib/os-release', 'etc/motd': 'hello' })
bench.package('tool', { 'bin/tool': '#!/bin/sh\n', 'usr/share/man/tool.1': 'manual' })
bench.package('silent', { 'usr/share/man/silent.1': 'manual' })
bench.write('motd', 'replaced')
bench.write('program/main.ts', "import parse from 'spdx-expression-parse'\nconsole.log(parse('MIT'))\n")
symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(bench.folder, 'node_modules'))
bench.write(
  'app.yaml',
  `image: app
layers:
  - name: base
    apt: [base-files]
    links: [{path: /bin, target: usr/bin}]
    users: [{name: nonroot, uid: 65532, gid: 65532}]
  - name: app
    apt: [tool, silent]
    skip: [usr/share/man/**]
    files: [{from: motd, to: /etc/motd}]
  - name: program
    program: {entry: program/main.ts, to: /app/main.mjs}
`,
)

const about = { name: 'app', version: '1.0.0', reference: 'localhost/app:1.0.0', created: '2026-11-22T00:00:00Z' }

/** Paths of files and links that are seen in the end, by GNU tar. */
function seen(layers: readonly string[]): string[] {
  const paths = new Set<string>()
  for (const layer of layers)
    for (const path of execFileSync('tar', ['--list', '--file', layer], { encoding: 'utf8' }).trim().split('\n')) if (!path.endsWith('/')) paths.add(`/${path}`)
  return [...paths].sort()
}

async function bom(store = bench.store('one')): Promise<{ bytes: Buffer; document: CycloneDx; layers: string[] }> {
  const items: LockedItem[] = []
  const image = await bench.build('app.yaml', store)
  for (const name of ['base-files', 'tool', 'silent'])
    items.push({ kind: 'apt', name, version: '1', path: `pool/${name}_1_all.deb`, attributes: { source: `${name}-src (1)` }, ...(await store.putFile(join(bench.folder, `${name}_1_all.deb`))) })
  const bytes = imageBom({ ...about, manifest: image.manifest, known: 'recipe', installed: [], ...(await recipeContents(image, items, store)) })
  return { bytes, document: assertCycloneDx(bytes), layers: layersOf(store, await store.bytes(image.manifest.sha256, 1e6)) }
}

test('every file of an image stands under its package or as unowned, each once; what the recipe replaced is no longer the package’s', async () => {
  const { document, layers } = await bom()
  const { owned, unowned } = accountedFor(document)
  assert.deepEqual([...owned.keys(), ...unowned].sort(), seen(layers))
  assert.equal(owned.get('/usr/bin/tool'), 'tool')
  assert.equal(owned.get('/usr/lib/os-release'), 'base-files')
  assert.equal(owned.get('/var/lib/dpkg/status.d/silent'), 'silent')
  assert.deepEqual(unowned.toSorted(), ['/app/main.mjs', '/bin', '/etc/group', '/etc/motd', '/etc/passwd', '/etc/shadow'])
  const motd = document.components?.find(({ name }) => name === '/etc/motd')
  assert.deepEqual(motd?.hashes?.[1], { alg: 'SHA-512', content: createHash('sha512').update('replaced').digest('hex') })
  const counts = Object.fromEntries((document.metadata.component.properties ?? []).map(({ name, value }) => [name, value]))
  assert.equal(counts['sallyport:files'], String(seen(layers).length))
  assert.equal(counts['sallyport:files-unowned'], '6')
})

test('npm packages that were bundled into a program stand under it, with version and licence', async () => {
  const { document } = await bom()
  const program = document.components?.find(({ name }) => name === '/app/main.mjs')
  const names = program?.components?.map(({ name }) => name)
  assert.deepEqual(names, ['spdx-exceptions', 'spdx-expression-parse', 'spdx-license-ids'])
  const parser = program?.components?.[1]
  assert.equal(parser?.purl, `pkg:npm/spdx-expression-parse@${parser?.version}`)
  assert.deepEqual(parser?.licenses, [{ license: { id: 'MIT', acknowledgement: 'declared' } }])
})

test('layers that were made before, in another store or after their list was lost give the same bytes', async () => {
  const first = await bom()
  assert.deepEqual((await bom()).bytes, first.bytes)
  assert.deepEqual((await bom(bench.store('two'))).bytes, first.bytes)
  const made = join(bench.folder, 'one/made')
  for (const hint of execFileSync('ls', [made], { encoding: 'utf8' }).split('\n').filter((name) => name.includes('-owners'))) rmSync(join(made, hint))
  assert.deepEqual((await bom()).bytes, first.bytes)
})

/** Layers of an image made elsewhere, as items of a lock. */
async function foreign(layers: readonly { files: Record<string, string>; pack(bytes: Buffer): Buffer }[]): Promise<LockedItem[]> {
  const store = bench.store('foreign')
  const items: LockedItem[] = []
  for (const [index, { files, pack }] of layers.entries()) {
    const root = join(bench.folder, `foreign-${crypto.randomUUID()}`)
    mkdirSync(root)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true })
      if (text.startsWith('-> ')) execFileSync('ln', ['-s', text.slice(3), join(root, path)])
      else writeFileSync(join(root, path), text)
    }
    execFileSync('tar', ['--create', '--file', `${root}.tar`, '--directory', root, '.'])
    const blob = await store.put(pack(readFileSync(`${root}.tar`)))
    items.push({ kind: 'oci', name: `layer-${index}`, version: '1', path: `x/${blob.sha256}`, upstream: `sha256:${blob.sha256}`, attributes: { role: 'layer' }, ...blob })
  }
  const manifest = await store.put(Buffer.from(JSON.stringify({ layers: items.map(({ upstream }) => ({ digest: upstream })) })))
  return [...items, { kind: 'oci', name: 'manifest', version: '1', path: 'x/manifest', attributes: { role: 'manifest' }, ...manifest }]
}

const plain = (bytes: Buffer): Buffer => bytes
const STATUS = 'Package: ls\nStatus: install ok installed\nArchitecture: amd64\nSource: coreutils\nVersion: 9.7-3\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n'

test('an image made elsewhere is read by its own package database; what that does not name is listed as unowned', async () => {
  const items = await foreign([
    {
      pack: gzipSync,
      files: {
        'usr/lib/os-release': 'ID=debian\nVERSION_ID="13"\n',
        'usr/bin/ls': 'ls',
        bin: '-> usr/bin',
        'opt/old': 'old',
        'var/lib/dpkg/status': STATUS,
        'var/lib/dpkg/info/ls.list': '/.\n/bin\n/bin/ls\n/usr/share/absent\n',
      },
    },
    { pack: zstdCompressSync, files: { 'opt/new': 'new', 'opt/.wh.old': '', 'var/lib/dpkg/status.d/tiny': 'Package: tiny\nVersion: 2\nArchitecture: all\n', 'var/lib/dpkg/status.d/tiny.md5sums': `${'0'.repeat(32)}  opt/tiny\n`, 'opt/tiny': 'tiny' } },
  ])
  const contents = await foreignContents(items, bench.store('foreign'))
  const document = assertCycloneDx(imageBom({ ...about, manifest: { sha256: 'a'.repeat(64), sha512: 'b'.repeat(128) }, known: 'foreign', inputs: [], ...contents }))
  const { owned, unowned } = accountedFor(document)
  assert.equal(owned.get('/usr/bin/ls'), 'ls')
  assert.equal(owned.get('/opt/tiny'), 'tiny')
  assert.equal(owned.get('/bin'), 'ls')
  assert.deepEqual(unowned, ['/opt/new', '/usr/lib/os-release', '/var/lib/dpkg/info/ls.list', '/var/lib/dpkg/status'])
  const ls = document.components?.find(({ name }) => name === 'ls')
  assert.equal(ls?.purl, 'pkg:deb/debian/ls@9.7-3?arch=amd64&distro=debian-13')
  assert.deepEqual(ls?.properties, [{ name: 'sallyport:source-package', value: 'coreutils (9.7-3)' }])
  assert.equal(document.components?.some(({ name }) => name === 'gone'), false)
})

test('apk’s database is read too; an image without any has all its files unowned', async () => {
  const apk = 'C:Q1x\nP:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1y\nF:usr/lib\n'
  const alpine = await foreignContents(await foreign([{ pack: plain, files: { 'lib/apk/db/installed': apk, 'lib/ld-musl-x86_64.so.1': 'so' } }]), bench.store('foreign'))
  assert.deepEqual(alpine.installed, [{ name: 'musl', version: '1.2.5-r9', purl: 'pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64', licences: ['MIT'], files: ['lib/ld-musl-x86_64.so.1'] }])
  assert.deepEqual(alpine.unowned.map(({ path }) => path), ['lib/apk/db/installed'])
  const scratch = await foreignContents(await foreign([{ pack: plain, files: { a: 'a', b: 'b' } }]), bench.store('foreign'))
  assert.deepEqual(scratch.unowned.map(({ path }) => path), ['a', 'b'])
  assert.deepEqual(scratch.installed, [])
})
