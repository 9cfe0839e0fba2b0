import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { create } from 'tar'
import { Fault } from '../../src/bundle/fault.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { ingest } from '../../src/connected/build/ingest.ts'
import { ociSource } from '../../src/connected/sources/oci/index.ts'
import type { LockedItem, Request, SourceContext } from '../../src/connected/sources/source.ts'
import { startRegistry, trusting, type Registry } from './source-registry.ts'
import { authority, type Authority } from './source-server.ts'

const run = promisify(execFile)
const root = mkdtempSync(join(tmpdir(), 'source-oci-'))
const signal = new AbortController().signal
let pki: Authority
let registry: Registry | undefined
let host: string
let manifest: { digest: string; bytes: Buffer }

/** A layout with one image of one small layer, written by hand, so that nothing of ours made its bytes. */
async function writeLayout(folder: string): Promise<{ digest: string; bytes: Buffer }> {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  const blob = (bytes: Buffer): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(folder, 'blobs/sha256', hex), bytes)
    return { digest: `sha256:${hex}`, size: bytes.byteLength }
  }
  mkdirSync(join(root, 'content'))
  writeFileSync(join(root, 'content/hello.txt'), 'hello\n')
  await create({ file: join(root, 'layer.tar'), cwd: join(root, 'content') }, ['hello.txt'])
  const layer = blob(readFileSync(join(root, 'layer.tar')))
  const config = blob(
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
      }),
    ),
  )
  // Spacing that no serialiser would choose: it has to survive.
  const bytes = Buffer.from(
    `{ "schemaVersion": 2,\n   "mediaType": "application/vnd.oci.image.manifest.v1+json",\n  "config": ${JSON.stringify({ mediaType: 'application/vnd.oci.image.config.v1+json', ...config })},\n "layers": [ ${JSON.stringify({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })} ] }\n`,
  )
  const own = blob(bytes)
  const annotations = { 'org.opencontainers.image.ref.name': '1.0' }
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...own, annotations }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
  return { digest: own.digest, bytes }
}

const known = (): NodeJS.ProcessEnv => trusting(pki, root)

function context(name: string, env = known()): SourceContext {
  const scratch = join(root, `scratch-${name}-${crypto.randomUUID()}`)
  mkdirSync(scratch, { recursive: true })
  return {
    store: new ContentStore(join(root, `store-${name}`)),
    scratch,
    target: { os: 'debian', release: '13', architecture: 'amd64' },
    signal,
    env,
    locate: (path) => join(root, path),
  }
}

async function take(name: string, item: string, env = known()): Promise<{ items: LockedItem[]; store: ContentStore }> {
  const where = context(name, env)
  const source = ociSource(where)
  const request: Request = { items: [item], purpose: 'image' }
  const items: LockedItem[] = []
  for (const one of await source.resolve(request))
    items.push(await ingest(one, request, { source, store: where.store, signal, onBytes: () => {} }))
  return { items, store: where.store }
}

before(async () => {
  pki = authority(join(root, 'pki'))
  manifest = await writeLayout(join(root, 'layout'))
  await run('skopeo', [
    'copy',
    '--quiet',
    '--preserve-digests',
    `oci:${root}/layout:1.0`,
    `oci-archive:${root}/image.oci.tar:1.0`,
  ])
  await run('skopeo', [
    'copy',
    '--quiet',
    `oci:${root}/layout:1.0`,
    `docker-archive:${root}/image.docker.tar:hello:1.0`,
  ])
  registry = await startRegistry(root, pki)
  host = registry.host
  await run(
    'skopeo',
    ['copy', '--quiet', '--preserve-digests', `oci:${root}/layout:1.0`, `docker://${host}/team/hello:1.0`],
    { env: known() },
  )
})
after(() => {
  registry?.stop()
  rmSync(root, { recursive: true, force: true })
})

const origins = {
  registry: () => `registry:${host}/team/hello:1.0`,
  layout: () => 'layout:layout:1.0',
  archive: () => 'archive:image.oci.tar',
}

for (const [origin, item] of Object.entries(origins))
  test(`an image from a ${origin} comes byte for byte, its digest kept`, async () => {
    const { items, store } = await take(origin, item())
    const own = items.find((one) => one.attributes?.['role'] === 'manifest')
    assert.equal(`sha256:${own?.sha256}`, manifest.digest)
    assert.deepEqual(await store.bytes(own?.sha256 ?? '', 10_000), manifest.bytes)
    assert.equal(items.length, 3)
    for (const one of items) assert.equal(one.upstream, `sha256:${one.sha256}`)
    assert.doesNotMatch(JSON.stringify(items), /localhost/)
  })

test('an archive of docker save is taken, twice the same', async () => {
  const first = await take('docker', 'archive:image.docker.tar')
  assert.deepEqual((await take('docker2', 'archive:image.docker.tar')).items, first.items)
  assert.equal(first.items.length, 3)
})

test('a locked image is fetched by its digest, also after its tag moved', async () => {
  const { items } = await take('before', origins.registry())
  await run(
    'skopeo',
    ['copy', '--quiet', `docker-archive:${root}/image.docker.tar`, `docker://${host}/team/hello:1.0`],
    { env: known() },
  )
  const where = context('after')
  const request: Request = { items: [origins.registry()], purpose: 'image' }
  const source = ociSource(where)
  for (const one of items)
    assert.deepEqual(await ingest(one, request, { source, store: where.store, signal, onBytes: () => {} }), one)
})

test('missing images are all named', async () => {
  const request: Request = {
    items: [`registry:${host}/team/nothing:1.0`, 'archive:nothing.tar', 'layout:nowhere:1.0'],
    purpose: 'image',
  }
  await assert.rejects(ociSource(context('missing')).resolve(request), (error) => {
    assert.ok(error instanceof Fault)
    assert.equal(error.code, 'E_UPSTREAM_MISSING')
    assert.deepEqual(
      error.detail.faults,
      request.items.map((item) => `oci: no ${item}`),
    )
    return true
  })
})

test('a damaged blob of a layout is refused', async () => {
  await run('cp', ['-r', join(root, 'layout'), join(root, 'damaged')])
  const hex = createHash('sha256')
    .update(readFileSync(join(root, 'layer.tar')))
    .digest('hex')
  writeFileSync(join(root, 'damaged/blobs/sha256', hex), Buffer.alloc(readFileSync(join(root, 'layer.tar')).byteLength))
  await assert.rejects(
    take('damaged', 'layout:damaged:1.0'),
    (error) => error instanceof Fault && error.code === 'E_UPSTREAM_CHANGED',
  )
})

test('a registry whose certificate is not trusted is not used', async () => {
  const where = context('untrusted', process.env)
  const request: Request = { items: [origins.registry()], purpose: 'image' }
  await assert.rejects(
    ociSource(where).resolve(request),
    (error) => error instanceof Fault && error.code === 'E_UPSTREAM_UNREACHABLE',
  )
})

test('a registry that lets nobody in without a login is read with the machine’s own; the login is in nothing that is made or said', async () => {
  const person = { username: 'builder', password: `secret-${crypto.randomUUID()}` }
  const closed = await startRegistry(root, pki, person)
  try {
    const file = join(root, 'auth.json')
    const basic = (password: string): string => Buffer.from(`${person.username}:${password}`).toString('base64')
    const login = (password: string): NodeJS.ProcessEnv => {
      writeFileSync(file, JSON.stringify({ auths: { [closed.host]: { auth: basic(password) } } }), { mode: 0o600 })
      return { ...known(), REGISTRY_AUTH_FILE: file }
    }
    const right = login(person.password)
    await run('skopeo', ['copy', '--quiet', '--preserve-digests', `oci:${root}/layout:1.0`, `docker://${closed.host}/team/hello:1.0`], { env: right })
    const item = `registry:${closed.host}/team/hello:1.0`
    const { items, store } = await take('login', item, right)
    assert.equal(`sha256:${items.find((one) => one.attributes?.['role'] === 'manifest')?.sha256}`, manifest.digest)
    for (const secret of [person.password, basic(person.password)]) {
      assert.ok(!JSON.stringify(items).includes(secret))
      for (const { sha256, size } of items) assert.ok(!(await store.bytes(sha256, size)).includes(secret))
    }
    for (const env of [known(), login(`${person.password}-not`)])
      await assert.rejects(take('no-login', item, env), (error) => {
        assert.ok(error instanceof Fault && error.code === 'E_UPSTREAM_LOGIN', String(error))
        assert.ok(!JSON.stringify({ ...error, text: error.message }).includes(person.password))
        return true
      })
  } finally {
    closed.stop()
  }
})
