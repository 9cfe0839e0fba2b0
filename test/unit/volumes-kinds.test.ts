import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import type { Kind } from '../../src/bundle/statement.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { signBundle, verifyBundle } from '../../src/bundle/verify.ts'
import { readBase } from '../../src/bundle/volumes/base.ts'
import { importBundle } from '../../src/bundle/volumes/import-bundle.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { parseMedia } from '../../src/bundle/volumes/media.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { verifyVolume } from '../../src/bundle/volumes/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { NOW, codesOf, people, policyOf } from './bundle-fixture.ts'
import { noise, snapshot, workplace } from './volumes-fixture.ts'

/** What travels in a bundle of its own, without a release: a name, a kind, the files. */
const CARGO: readonly { readonly kind: Kind; readonly name: string; readonly path: string }[] = [
  { kind: 'advisory', name: 'debian-advisories', path: 'tracker.json' },
  { kind: 'trust', name: 'site-trust', path: 'trust-policy.json' },
  { kind: 'content', name: 'revocation-lists', path: 'organisation.crl' },
  { kind: 'content', name: 'scanner-definitions', path: 'daily.cvd' },
]

async function setting(t: Parameters<typeof workplace>[0]) {
  const place = await workplace(t, { 'a.txt': Buffer.from('a') })
  const { directory, parts, alice } = place
  const policy = policyOf({ root: (await people()).root, keys: [alice], names: ['*'] })
  const trust = { policy, now: NOW }
  const make = async (kind: Kind, name: string, version: string, sequence: number, path: string) => {
    const { sha256, size } = await parts.store.put(Buffer.concat([noise(path, 400_000), Buffer.from(version)]))
    const mirrors = [{ name: 'files', ecosystem: 'file', entries: [{ path, sha256, size }] }]
    const fields = { ...parts.fields, kind, name, version, sequence, targets: [], upgradesFrom: [] }
    const written = await writeBundle(join(directory, `${name}-${version}`), { ...parts, fields, mirrors, images: [], iac: [], docs: [], evidence: [], installer: null })
    await signBundle(written.directory, alice)
    return written.directory
  }
  const pack = async (bundle: string, since: readonly string[] = []) => {
    const out = `${bundle}-set${since.length}`
    const set = await packVolumes(bundle, out, { media: parseMedia('usb:50M'), protection: undefined, spares: 1, bases: await Promise.all(since.map(readBase)), key: alice })
    return { ...set, path: join(out, 'VOLUME-1') }
  }
  return { ...place, trust, make, pack, take: (path: string) => importVolumes([path], { store: join(directory, 'shelf'), ...trust }) }
}

test('advisories, trust policies, revocation lists and scanner definitions travel as small bundles of their own kind', async (t) => {
  const { trust, make, pack, take, directory } = await setting(t)
  for (const { kind, name, path } of CARGO) {
    const first = await make(kind, name, '2026.11', 1, path)
    const set = await pack(first)
    assert.ok(set.packed < 450_000, `${name}: ${set.packed} bytes`)
    assert.deepEqual((await verifyVolume(set.path, trust)).listing.bundle, { kind, name, version: '2026.11', sequence: 1, sha512: set.bundle.sha512 })
    assert.match(await readFile(join(set.path, 'README.TXT'), 'utf8'), new RegExp(`${name} 2026\\.11 \\(${kind}, sequence 1\\)`))
    const done = await take(set.path)
    assert.equal(done.directory, join(directory, 'shelf', `${kind}-${name}-2026.11`))
    assert.deepEqual(await snapshot(done.directory), await snapshot(first))
    // The next one as its change alone.
    const second = await make(kind, name, '2026.12', 2, path)
    const delta = await pack(second, [first])
    assert.ok(delta.packed < 20_000, `${name}: ${delta.packed} bytes since the month before`)
    assert.deepEqual(await snapshot((await take(delta.path)).directory), await snapshot(second))
    // None is installed, and none goes back, by whatever way it comes.
    for (const act of ['install', 'upgrade'] as const) assert.deepEqual(await codesOf(verifyBundle(second, { ...trust, act })), ['E_KIND_ACT'])
    const older = await make(kind, name, '2026.10', 1, path)
    assert.deepEqual(await codesOf(take((await pack(older)).path)), ['E_BELOW_FLOOR', 'E_SEQUENCE_REUSED'])
    assert.deepEqual(await codesOf(importBundle(older, { store: join(directory, 'shelf'), ...trust })), ['E_BELOW_FLOOR', 'E_SEQUENCE_REUSED'])
  }
})

test('a volume that names its bundle otherwise than the signed statement is refused: another kind, name, version or sequence', async (t) => {
  const { make, pack, take, alice } = await setting(t)
  const { path } = await pack(await make('content', 'scanner-definitions', '2026.11', 1, 'daily.cvd'))
  const good = await readFile(join(path, 'volume.json'))
  for (const change of [{ kind: 'release' }, { kind: 'trust' }, { name: 'site-trust' }, { version: '2026.12' }, { sequence: 2 }]) {
    const listing = JSON.parse(good.toString()) as { bundle: object }
    const bytes = serialise({ ...listing, bundle: { ...listing.bundle, ...change } })
    await writeFile(join(path, 'volume.json'), bytes)
    await writeSignatures(path, alice.keyId, signBytes(bytes, alice))
    assert.deepEqual(await codesOf(take(path)), ['E_VOLUME_INVALID'], JSON.stringify(change))
  }
})
