import assert from 'node:assert/strict'
import { chmod, cp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { newKey, readPrivateKey, readPublicKey, writeKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, readPolicy, signPolicy, type PolicyFile } from '../../src/bundle/policy-file.ts'
import type { Policy, PolicyPayload } from '../../src/bundle/policy.ts'
import { signBytes } from '../../src/bundle/signature.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { CEILING, codesOf, people, policyOf, temporary, type People } from './bundle-fixture.ts'

/** A payload that a test may make wrong. */
interface Loose {
  formatVersion: number
  critical: string[]
  version: number
  created: string
  expires: string
  persons: string[]
  keys: Record<string, unknown>[]
  thresholds: Record<string, object>
  revocations: object[]
  ceiling: Record<string, unknown>
}

const PASSPHRASE = 'correct horse battery'

suite('keys', () => {
  test('a key folder comes back, private halves only with the passphrase', async (t) => {
    const directory = join(await temporary(t), 'alice')
    const key = await newKey('Alice Example', 'publisher')
    await writeKey(directory, key, PASSPHRASE)
    const back = await readPrivateKey(directory, PASSPHRASE)
    assert.deepEqual([back.keyId, back.person, back.role], [key.keyId, 'Alice Example', 'publisher'])
    assert.match(
      await readFile(join(directory, 'private.mldsa87.pem'), 'utf8'),
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/,
    )
    assert.equal((await stat(join(directory, 'private.p384.pem'))).mode & 0o777, 0o600)
    assert.deepEqual(await codesOf(readPrivateKey(directory, 'another passphrase')), ['E_PASSPHRASE'])
    assert.deepEqual(await codesOf(writeKey(directory, key, PASSPHRASE)), ['E_KEY_DIRECTORY'])
  })

  test('a short passphrase is refused', async (t) => {
    const key = await newKey('Alice Example', 'publisher')
    assert.deepEqual(await codesOf(writeKey(join(await temporary(t), 'alice'), key, 'short')), ['E_PASSPHRASE_WEAK'])
  })

  test('a folder without a key, with a public half only, or with halves of two keys', async (t) => {
    const directory = await temporary(t)
    const [alice, bob] = [await newKey('Alice', 'publisher'), await newKey('Bob', 'publisher')]
    assert.deepEqual(await codesOf(readPublicKey(directory)), ['E_KEY_DIRECTORY'])
    await writeKey(join(directory, 'public'), alice, null)
    assert.equal((await readPublicKey(join(directory, 'public'))).keyId, alice.keyId)
    assert.deepEqual(await codesOf(readPrivateKey(join(directory, 'public'), PASSPHRASE)), ['E_KEY_DIRECTORY'])
    await writeKey(join(directory, 'alice'), alice, PASSPHRASE)
    await writeKey(join(directory, 'bob'), bob, PASSPHRASE)
    await cp(join(directory, 'bob/private.p384.pem'), join(directory, 'alice/private.p384.pem'))
    assert.deepEqual(await codesOf(readPrivateKey(join(directory, 'alice'), PASSPHRASE)), ['E_KEY_DIRECTORY'])
    await cp(join(directory, 'bob/public.p384.pem'), join(directory, 'alice/public.p384.pem'))
    assert.deepEqual(await codesOf(readPublicKey(join(directory, 'alice'))), ['E_KEY_DIRECTORY'])
    await cp(join(directory, 'bob/public.p384.pem'), join(directory, 'alice/public.mldsa87.pem'))
    assert.deepEqual(await codesOf(readPublicKey(join(directory, 'alice'))), ['E_KEY_DIRECTORY'])
  })
})

suite('trust policy', () => {
  let who: People
  let draft: Parameters<typeof draftPolicy>[0]
  let first: Policy
  before(async () => {
    who = await people()
    draft = {
      site: 'demo',
      created: '2026-11-22T00:00:00Z',
      expires: '2027-11-22T00:00:00Z',
      ceiling: CEILING,
      keys: [
        { key: who.root, names: [] },
        { key: who.alice, names: ['hello', 'mesh*'] },
      ],
    }
    first = acceptPolicy(signPolicy(draftPolicy(draft), [who.root]))
  })

  const changed = (change: (payload: Loose) => void): Buffer => {
    const payload = JSON.parse(JSON.stringify(draftPolicy(draft))) as Loose
    change(payload)
    return signPolicy(payload as unknown as PolicyPayload, [who.root])
  }

  const keyOf = (payload: Loose): Record<string, unknown> => payload.keys[1] ?? {}

  test('the first is accepted by the digest on the card and by no other', () => {
    const bytes = signPolicy(draftPolicy(draft), [who.root])
    assert.equal(acceptPolicy(bytes, { digest: first.digest }).digest, first.digest)
    const asOnTheCard = first.digest.toUpperCase().replace(/.{8}/g, '$& ')
    assert.equal(acceptPolicy(bytes, { digest: asOnTheCard }).digest, first.digest)
    assert.throws(() => acceptPolicy(bytes, { digest: 'a'.repeat(128) }), { code: 'E_POLICY_DIGEST' })
    assert.throws(() => acceptPolicy(bytes, { digest: '' }), { code: 'E_POLICY_DIGEST' })
  })

  test('it is signed by its own root: no signature, another key, a publisher, one algorithm, changed text', () => {
    const payload = draftPolicy(draft)
    const without = (change: (file: PolicyFile) => PolicyFile) =>
      serialise(change(JSON.parse(signPolicy(payload, [who.root]).toString()) as PolicyFile))
    for (const bytes of [
      signPolicy(payload, []),
      signPolicy(payload, [who.bob]),
      signPolicy(payload, [who.alice]),
      without((file) => ({ ...file, signatures: file.signatures.filter((one) => one.algorithm === 'p384') })),
      without((file) => ({ ...file, signatures: file.signatures.filter((one) => one.algorithm === 'mldsa87') })),
      without((file) => ({
        ...file,
        payload: file.payload.replace('"SECRET",\n    "categories"', '"TOP SECRET",\n    "categories"'),
      })),
    ]) {
      assert.throws(() => acceptPolicy(bytes), { code: 'E_POLICY_SIGNATURES' })
    }
  })

  test('every fault of its shape or meaning is named', () => {
    const cases: [RegExp, (payload: Loose) => void][] = [
      [/is not in persons/, (payload) => (payload.persons = ['Rita Root'])],
      [/is also the key of keys\[1\]/, (payload) => payload.keys.push({ ...payload.keys[1], keyId: '0'.repeat(16) })],
      [/keyId: expected/, (payload) => (keyOf(payload)['keyId'] = '0'.repeat(16))],
      [/not a public key for p384/, (payload) => (keyOf(payload)['p384'] = keyOf(payload)['mldsa87'])],
      [/asks for nobody/, (payload) => (payload.thresholds['import'] = {})],
      [/has to ask for the role root/, (payload) => (payload.thresholds['root'] = { site: 1 })],
      [/asks for 2 persons, there are 1/, (payload) => (payload.thresholds['root'] = { root: 2 })],
      [
        /asks for 1 persons, there are 0/,
        (payload) =>
          payload.revocations.push({ keyId: who.root.keyId, at: '2026-11-23T00:00:00Z', reason: 'lost', keeps: [] }),
      ],
      [/not after created/, (payload) => (payload.expires = payload.created)],
      [/null in version 1/, (payload) => (payload.version = 2)],
      [/not among ceiling.levels/, (payload) => (payload.ceiling['level'] = 'HIGH')],
      [/expected an instant/, (payload) => (payload.expires = '2027-02-30T00:00:00Z')],
      [/at most one/, (payload) => (keyOf(payload)['names'] = ['*a*'])],
    ]
    for (const [pattern, change] of cases) {
      assert.throws(
        () => acceptPolicy(changed(change)),
        (error: { code: string; detail: { faults: string[] } }) =>
          error.code === 'E_POLICY_INVALID' && pattern.test(error.detail.faults.join('\n')),
        String(pattern),
      )
    }
    assert.throws(() => acceptPolicy(serialise({})), { code: 'E_POLICY_INVALID' })
    assert.throws(() => acceptPolicy(changed((payload) => (payload.formatVersion = 2))), { code: 'E_FORMAT_UNKNOWN' })
    assert.throws(() => acceptPolicy(changed((payload) => (payload.critical = ['x']))), { code: 'E_CRITICAL_UNKNOWN' })
    assert.throws(() => acceptPolicy(Buffer.from('{}')), { code: 'E_JSON_STRICT' })
  })

  test('a signature over a bundle is none over a policy: the type is inside', () => {
    const text = serialise(first.payload)
    const { mldsa87, p384 } = signBytes(Buffer.from(JSON.stringify(first.payload)), who.root)
    const file = {
      payload: text.toString(),
      signatures: [
        { keyId: who.root.keyId, algorithm: 'mldsa87', signature: mldsa87.toString('base64') },
        { keyId: who.root.keyId, algorithm: 'p384', signature: p384.toString('base64') },
      ],
    }
    assert.throws(() => acceptPolicy(serialise(file)), { code: 'E_POLICY_SIGNATURES' })
  })

  suite('the next version', () => {
    let rosa: PrivateKey
    before(async () => {
      rosa = await newKey('Rosa Root', 'root')
    })
    const next = (signers: PrivateKey[], change: Partial<typeof draft> = {}) =>
      signPolicy(draftPolicy({ ...draft, previous: { version: 1, digest: first.digest }, ...change }), signers)
    const handover = () => ({
      keys: [
        { key: rosa, names: [] },
        { key: who.alice, names: ['hello'] },
      ],
    })

    test('needs the root thresholds of both versions', () => {
      assert.equal(acceptPolicy(next([who.root, rosa], handover()), { current: first }).payload.version, 2)
      assert.throws(() => acceptPolicy(next([rosa], handover()), { current: first }), { code: 'E_POLICY_SIGNATURES' })
      assert.throws(() => acceptPolicy(next([who.root], handover()), { current: first }), {
        code: 'E_POLICY_SIGNATURES',
      })
    })

    test('a root that the new version revokes still counts for the old one', () => {
      const revocations = [{ keyId: who.root.keyId, at: '2026-12-01T00:00:00Z', reason: 'left', keeps: [] }]
      const keys = [{ key: who.root, names: [] }, ...handover().keys]
      assert.equal(acceptPolicy(next([who.root, rosa], { keys, revocations }), { current: first }).payload.version, 2)
      assert.throws(() => acceptPolicy(next([who.root], { keys, revocations }), { current: first }), {
        code: 'E_POLICY_SIGNATURES',
      })
    })

    test('follows in number, digest and site; the same again is accepted', () => {
      const current = { current: first }
      assert.throws(() => acceptPolicy(next([who.root], { previous: { version: 2, digest: first.digest } }), current), {
        code: 'E_POLICY_CHAIN',
      })
      assert.throws(
        () => acceptPolicy(next([who.root], { previous: { version: 1, digest: 'a'.repeat(128) } }), current),
        { code: 'E_POLICY_CHAIN' },
      )
      assert.throws(() => acceptPolicy(next([who.root], { site: 'other' }), current), { code: 'E_POLICY_CHAIN' })
      assert.equal(acceptPolicy(signPolicy(first.payload, [who.root]), current).digest, first.digest)
      const second = acceptPolicy(next([who.root]), current)
      assert.throws(() => acceptPolicy(signPolicy(first.payload, [who.root]), { current: second }), {
        code: 'E_POLICY_CHAIN',
      })
    })

    test('another policy under the same version is refused', () => {
      const other = signPolicy(draftPolicy({ ...draft, expires: '2030-01-01T00:00:00Z' }), [who.root])
      assert.throws(() => acceptPolicy(other, { current: first }), { code: 'E_POLICY_CHAIN' })
    })
  })

  test('a root threshold of two counts persons', async () => {
    const again = await newKey('Rita Root', 'root')
    const rosa = await newKey('Rosa Root', 'root')
    const keys = [who.root, again, rosa].map((key) => ({ key, names: [] }))
    const payload = draftPolicy({ ...draft, keys, thresholds: { root: { root: 2 } } })
    assert.throws(() => acceptPolicy(signPolicy(payload, [who.root, again])), { code: 'E_POLICY_SIGNATURES' })
    acceptPolicy(signPolicy(payload, [who.root, rosa]))
  })

  test('a file that is absent, a folder, or beyond the limit', async (t) => {
    const directory = await temporary(t)
    assert.deepEqual(await codesOf(readPolicy(join(directory, 'none'))), ['E_POLICY_INVALID'])
    assert.deepEqual(await codesOf(readPolicy(directory)), ['E_POLICY_INVALID'])
    await writeFile(join(directory, 'large'), Buffer.alloc((4 << 20) + 1))
    assert.deepEqual(await codesOf(readPolicy(join(directory, 'large'))), ['E_TOO_LARGE'])
    await writeFile(join(directory, 'policy'), signPolicy(first.payload, [who.root]))
    await chmod(join(directory, 'policy'), 0o444)
    assert.equal((await readPolicy(join(directory, 'policy'))).digest, first.digest)
    await rm(join(directory, 'policy'))
  })

  test('the policy of the fixture names patterns with one star', () => {
    const policy = policyOf({ root: who.root, keys: [who.alice], names: ['mesh-*', '*'] })
    assert.deepEqual(policy.payload.keys[1]?.names, ['mesh-*', '*'])
  })
})
