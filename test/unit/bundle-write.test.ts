import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeBundle, type BundleParts } from '../../src/bundle/write.ts'
import { codesOf, FIELDS, partsIn, temporary } from './bundle-fixture.ts'

const run = promisify(execFile)

async function contentOf(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const content = await Promise.all(
    files.toSorted().map(async (file) => [file.slice(directory.length), await readFile(file, 'hex')] as const),
  )
  return new Map(content)
}

test('the same parts, in whatever order their members come, give the same bytes', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  const reordered = {
    ...parts,
    fields: Object.fromEntries(Object.entries(FIELDS).toReversed()) as unknown as typeof FIELDS,
  }
  const first = await writeBundle(join(directory, 'one'), parts, { workers: 1 })
  const second = await writeBundle(join(directory, 'two'), reordered, { workers: 2 })
  assert.equal(first.digest, second.digest)
  assert.deepEqual(await contentOf(join(directory, 'one')), await contentOf(join(directory, 'two')))
})

test('the bundle is an OCI layout, shares no inode with the store, and sha512sum agrees', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  const { statement, size } = await writeBundle(join(directory, 'bundle'), parts)
  const index = JSON.parse(await readFile(join(directory, 'bundle/index.json'), 'utf8')) as {
    manifests: Record<string, unknown>[]
  }
  assert.deepEqual(index.manifests, [
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${statement.images[0]?.manifest.sha256}`,
      size: statement.images[0]?.manifest.size,
      annotations: { 'org.opencontainers.image.ref.name': 'localhost/hello:1.0.0' },
    },
  ])
  const blob = statement.images[0]?.manifest.sha256 ?? ''
  const [inBundle, inStore] = [
    await stat(join(directory, 'bundle/blobs/sha256', blob)),
    await stat(parts.store.pathOf(blob)),
  ]
  assert.notEqual(inBundle.ino, inStore.ino)
  assert.equal(inBundle.nlink, 1)
  assert.ok((await stat(join(directory, 'bundle/sallyport'))).mode & 0o100)
  await run('sha512sum', ['--check', '--strict', '--quiet', 'SHA512SUMS'], { cwd: join(directory, 'bundle') })
  const bytes = [...(await contentOf(join(directory, 'bundle'))).values()].reduce((sum, hex) => sum + hex.length / 2, 0)
  assert.equal(size, bytes)
})

test('a bundle without installer, images or mirrors can be written', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  const { statement } = await writeBundle(join(directory, 'bundle'), {
    ...parts,
    installer: null,
    images: [],
    mirrors: [],
    iac: [],
  })
  assert.equal(statement.installer, null)
})

test('a failure is named and leaves neither the bundle nor half of it', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  const [image] = parts.images
  const [mirror] = parts.mirrors
  assert.ok(image && mirror)
  const entry = { path: 'x', sha256: 'e'.repeat(64), size: 1 }
  const json = await parts.store.put(Buffer.from('{"schemaVersion":2}'))
  const foreign = await parts.store.put(Buffer.from('{"mediaType":"application/x","layers":[]}'))
  const cases: [string, Partial<BundleParts>][] = [
    ['E_STATEMENT_INVALID', { fields: { ...FIELDS, name: 'Hello World', sequence: 0 } }],
    ['E_STORE_ABSENT', { mirrors: [{ ...mirror, entries: [entry] }] }],
    ['E_STORE_ABSENT', { images: [{ ...image, manifest: { ...image.manifest, sha256: 'e'.repeat(64) } }] }],
    ['E_MANIFEST_INVALID', { images: [{ ...image, manifest: json }] }],
    ['E_MANIFEST_INVALID', { images: [{ ...image, manifest: foreign }] }],
    ['E_TREE_INVALID', { mirrors: [{ ...mirror, entries: [...mirror.entries, ...mirror.entries] }] }],
    ['E_TREE_INVALID', { docs: [{ path: 'aux.md', bytes: Buffer.from('') }] }],
    ['E_STATEMENT_INVALID', { mirrors: [mirror, mirror] }],
    ['E_FILE_UNREADABLE', { installer: join(directory, 'nowhere') }],
  ]
  for (const [code, change] of cases) {
    assert.deepEqual(await codesOf(writeBundle(join(directory, 'bundle'), { ...parts, ...change })), [code])
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith('bundle')),
      [],
    )
  }
})

test('an aborted write leaves nothing', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  await assert.rejects(
    writeBundle(join(directory, 'bundle'), parts, { signal: AbortSignal.abort(new Error('stop')) }),
    /stop/,
  )
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith('bundle')),
    [],
  )
})

test('a blob that was damaged in the store does not get into a bundle', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  await truncate(parts.store.pathOf(parts.mirrors[0]?.entries[0]?.sha256 ?? ''), 2)
  assert.deepEqual(await codesOf(writeBundle(join(directory, 'bundle'), parts)), ['E_STORE_ABSENT'])
})

test('an existing folder is never written into; what a crash left is replaced', async (t) => {
  const directory = await temporary(t)
  const parts = await partsIn(directory)
  await cp(join(directory, 'store'), join(directory, 'bundle.partial'), { recursive: true })
  await writeBundle(join(directory, 'bundle'), parts)
  assert.deepEqual(await codesOf(writeBundle(join(directory, 'bundle'), parts)), ['E_BUNDLE_EXISTS'])
  await rm(join(directory, 'bundle'), { recursive: true })
  await writeFile(join(directory, 'bundle'), 'a file')
  assert.deepEqual(await codesOf(writeBundle(join(directory, 'bundle'), parts)), ['E_BUNDLE_EXISTS'])
})

test('a disk that is too small, before or during the write, is a clear error that leaves no half bundle', async (t) => {
  const directory = await temporary(t)
  const script = fileURLToPath(new URL('bundle-disk-full.ts', import.meta.url))
  for (const [pages, phase] of [
    [2, 'blobs'],
    [12, 'documents'],
  ] as const) {
    // A private mount namespace with a tmpfs of a few pages; the script writes a bundle into it and prints what happened.
    const shell = 'mount -t tmpfs -o size=$1k tmpfs "$2" && exec "$3" "$4" "$2"'
    const words = [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      shell,
      'sh',
      String(pages * 4),
      directory,
      process.execPath,
      script,
    ]
    const { stdout } = await run('unshare', words)
    assert.deepEqual(JSON.parse(stdout), { code: 'E_DISK_FULL', left: [] }, phase)
  }
})
