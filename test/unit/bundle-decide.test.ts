import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { sha512 } from '../../src/bundle/digest.ts'
import { newKey } from '../../src/bundle/keys.ts'
import { blobPath } from '../../src/bundle/layout.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { Victim } from './bundle-damage.ts'
import { CEILING, codesOf, FIELDS, policyOf } from './bundle-fixture.ts'

let victim: Victim
before(async () => {
  victim = await Victim.make()
})
after(() => victim.remove())

suite('decision', () => {
  const two = { import: { publisher: 2 }, install: { publisher: 1 }, upgrade: { publisher: 1 } }

  test('too few persons for one act only', async () => {
    const strict = policyOf({ root: victim.who.root, keys: [victim.who.alice, victim.who.bob], thresholds: two })
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { policy: strict })), ['E_THRESHOLD'])
    await victim.verify(victim.pristine, { policy: strict, act: 'install' })
    const directory = await victim.copy()
    await signBundle(directory, victim.who.bob)
    await victim.verify(directory, { policy: strict })
  })

  test('one person with two keys counts once, also under another spelling of the name', async () => {
    for (const name of ['Alice Example', 'ALICE  EXAMPLE']) {
      const again = await newKey(name, 'publisher')
      const directory = await victim.copy()
      await signBundle(directory, again)
      if (name === 'Alice Example') {
        const strict = policyOf({ root: victim.who.root, keys: [victim.who.alice, again], thresholds: two })
        assert.deepEqual(await codesOf(victim.verify(directory, { policy: strict })), ['E_PERSON_TWICE', 'E_THRESHOLD'])
      } else {
        assert.throws(() => policyOf({ root: victim.who.root, keys: [victim.who.alice, again], thresholds: two }), {
          code: 'E_POLICY_INVALID',
        })
      }
    }
  })

  test('a name the key does not cover', async () => {
    const other = policyOf({ root: victim.who.root, keys: [victim.who.alice], names: ['mesh', 'hell'] })
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { policy: other })), [
      'E_KEY_NAME_PATTERN',
      'E_THRESHOLD',
    ])
    await victim.verify(victim.pristine, {
      policy: policyOf({ root: victim.who.root, keys: [victim.who.alice], names: ['he*o'] }),
    })
  })

  test('a role the act does not ask for', async () => {
    const need = policyOf({
      root: victim.who.root,
      keys: [victim.who.alice],
      thresholds: { ...two, import: { accreditor: 1 } },
    })
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { policy: need })), ['E_KEY_ROLE', 'E_THRESHOLD'])
  })

  test('an expired policy, and one from the future', async () => {
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { now: new Date('2027-11-22T00:00:00Z') })), [
      'E_POLICY_EXPIRED',
    ])
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { now: new Date('2025-11-22T00:00:00Z') })), [
      'E_POLICY_NOT_YET',
    ])
  })

  test('a marking above the ceiling: level, category, another label policy, an unknown level', async () => {
    const under = (ceiling: object) =>
      policyOf({ root: victim.who.root, keys: [victim.who.alice], ceiling: { ...CEILING, ...ceiling } })
    for (const ceiling of [
      { level: 'UNCLASSIFIED' },
      { policyVersion: '2' },
      { policy: 'urn:other:x' },
      { levels: ['LOW', 'HIGH'], level: 'HIGH' },
    ]) {
      assert.deepEqual(await codesOf(victim.verify(victim.pristine, { policy: under(ceiling) })), ['E_MARKING_CEILING'])
    }
    const directory = await victim.copy()
    await victim.resign(directory, { marking: { ...FIELDS.marking, categories: ['IMAGERY'] } })
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_MARKING_CEILING'])
    await victim.verify(directory, { policy: under({ categories: ['IMAGERY'] }) })
  })

  test('a kind that is not installed', async () => {
    const directory = await victim.copy()
    await victim.resign(directory, { kind: 'advisory' })
    assert.deepEqual(await codesOf(victim.verify(directory, { act: 'upgrade' })), ['E_KIND_ACT'])
    await victim.verify(directory)
  })

  test('a sequence below the floor of policy or site, and the exception that expires', async () => {
    const floor = [{ kind: 'release' as const, name: 'hello', sequence: 101 }]
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { floor })), ['E_BELOW_FLOOR'])
    assert.deepEqual(
      await codesOf(
        victim.verify(victim.pristine, {
          policy: policyOf({ root: victim.who.root, keys: [victim.who.alice], floor }),
        }),
      ),
      ['E_BELOW_FLOOR'],
    )
    await victim.verify(victim.pristine, {
      floor: [
        { kind: 'advisory', name: 'hello', sequence: 101 },
        { kind: 'release', name: 'mesh', sequence: 101 },
      ],
    })
    const exceptions = [
      {
        kind: 'release' as const,
        name: 'hello',
        digest: victim.digest,
        expires: '2026-12-05T00:00:00Z',
        reason: 'defect in 101',
      },
    ]
    const lenient = policyOf({ root: victim.who.root, keys: [victim.who.alice], floor, exceptions })
    await victim.verify(victim.pristine, { policy: lenient })
    assert.deepEqual(
      await codesOf(victim.verify(victim.pristine, { policy: lenient, now: new Date('2026-12-06T00:00:00Z') })),
      ['E_BELOW_FLOOR'],
    )
  })

  test('a sequence known with other content', async () => {
    await victim.verify(victim.pristine, { known: [{ name: 'hello', sequence: 100, digest: victim.digest }] })
    const known = [{ name: 'hello', sequence: 100, digest: 'a'.repeat(128) }]
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { known })), ['E_SEQUENCE_REUSED'])
  })

  test('all reasons at once', async () => {
    const harsh = policyOf({
      root: victim.who.root,
      keys: [victim.who.alice, victim.who.bob],
      thresholds: two,
      ceiling: { ...CEILING, level: 'UNCLASSIFIED' },
    })
    const codes = await codesOf(
      victim.verify(victim.pristine, {
        policy: harsh,
        floor: [{ kind: 'release', name: 'hello', sequence: 101 }],
        now: new Date('2028-01-01T00:00:00Z'),
      }),
    )
    assert.deepEqual(codes, ['E_POLICY_EXPIRED', 'E_THRESHOLD', 'E_MARKING_CEILING', 'E_BELOW_FLOOR'])
  })
})

suite('signed, but not a bundle', () => {
  test('a statement that is not strict JSON', async () => {
    const directory = await victim.copy()
    const text = await readFile(join(directory, 'bundle.json'), 'utf8')
    for (const bad of [
      `${text} `,
      text.replace('{\n', '{\n  "name": "x",\n'),
      `\ufeff${text}`,
      text.replace('"hello"', '"hell\\u006f"'),
    ]) {
      await victim.resignText(directory, Buffer.from(bad))
      assert.deepEqual(await codesOf(victim.verify(directory)), ['E_JSON_STRICT'])
    }
  })

  for (const [what, code, change] of [
    ['another type', 'E_FORMAT_UNKNOWN', { type: 'application/vnd.sallyport.policy.v1+json' }],
    ['a later format', 'E_FORMAT_UNKNOWN', { formatVersion: 2 }],
    ['an unknown critical name', 'E_CRITICAL_UNKNOWN', { critical: ['quantum'] }],
    ['a member out of range', 'E_STATEMENT_INVALID', { sequence: -1, targets: [{}] }],
    [
      'an image that is not there',
      'E_REFERENCE_ABSENT',
      {
        images: [
          {
            name: 'x',
            reference: 'localhost/x:1',
            manifest: { sha256: 'b'.repeat(64), sha512: 'b'.repeat(128), size: 1 },
          },
        ],
      },
    ],
    ['a blob that nothing refers to', 'E_BLOB_UNREFERENCED', { iac: [] }],
  ] as const) {
    test(`${what} is refused with ${code}`, async () => {
      const directory = await victim.copy()
      await victim.resign(directory, change)
      assert.ok((await codesOf(victim.verify(directory))).includes(code))
    })
  }

  test('members that this program does not know are ignored unless they are critical', async () => {
    const directory = await victim.copy()
    await victim.resign(directory, { comment: 'from a later writer' })
    await victim.verify(directory)
  })

  test('a listed file without a place in the format', async () => {
    const directory = await victim.copy()
    await victim.relist(directory, 'autorun.inf', 'x')
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('an index.json that shows other images', async () => {
    const directory = await victim.copy()
    await victim.relist(directory, 'index.json', '{}')
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('a list of blobs that does not fit SHA512SUMS', async () => {
    const directory = await victim.copy()
    await victim.relist(directory, blobPath('c'.repeat(64)), 'x')
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('a SHA512SUMS that is not a list', async () => {
    const directory = await victim.copy()
    const bytes = Buffer.from('# comment\n')
    await writeFile(join(directory, 'SHA512SUMS'), bytes)
    await victim.resign(directory, { sums: { sha512: sha512(bytes), size: bytes.byteLength } })
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SUMS_INVALID'])
  })
})
