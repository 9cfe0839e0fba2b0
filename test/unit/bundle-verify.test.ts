import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { sha512 } from '../../src/bundle/digest.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { blobPath } from '../../src/bundle/layout.ts'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { parseSums, serialiseSums } from '../../src/bundle/sums.ts'
import { signBundle, verifyBundle, type VerifyOptions } from '../../src/bundle/verify.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import type { Statement } from '../../src/bundle/statement.ts'
import { bundleIn, CEILING, codesOf, FIELDS, NOW, people, policyOf, type People } from './bundle-fixture.ts'

let root: string
let who: People
let policy: Policy
let pristine: string
let statement: Statement
let digest: string
let count = 0

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'bundle-verify-'))
  who = await people()
  policy = policyOf({ root: who.root, keys: [who.alice, who.bob] })
  const written = await bundleIn(root, [who.alice])
  pristine = written.directory
  statement = written.statement
  digest = written.digest
})
after(() => rm(root, { recursive: true, force: true }))

/** A copy of the signed bundle to damage. */
async function copy(): Promise<string> {
  const directory = join(root, `copy-${count++}`)
  await cp(pristine, directory, { recursive: true })
  return directory
}

async function verify(directory: string, options: Partial<VerifyOptions> = {}) {
  return verifyBundle(directory, { policy, act: 'import', now: NOW, ...options })
}

/** Writes another statement under this bundle and signs it, as a publisher with a broken tool would. */
async function resign(directory: string, change: object, key: PrivateKey = who.alice): Promise<void> {
  const bytes = serialise({ ...(JSON.parse(await readFile(join(directory, 'bundle.json'), 'utf8')) as object), ...change })
  await writeFile(join(directory, 'bundle.json'), bytes)
  await writeSignatures(directory, key.keyId, signBytes(bytes, key))
}

/** Changes listed files, writes SHA512SUMS to fit, and signs the result. */
async function relist(directory: string, change: (sums: Map<string, string>) => Promise<void> | void, more: object = {}) {
  const sums = new Map(parseSums(await readFile(join(directory, 'SHA512SUMS'))))
  await change(sums)
  const bytes = serialiseSums(sums)
  await writeFile(join(directory, 'SHA512SUMS'), bytes)
  await resign(directory, { sums: { sha512: sha512(bytes), size: bytes.byteLength }, ...more })
}

test('a good bundle is accepted, and the handle reads checked content', async () => {
  const seen: number[] = []
  const bundle = await verify(pristine, { onProgress: ({ done }) => seen.push(done) })
  assert.equal(bundle.digest, digest)
  assert.deepEqual(bundle.signers, [{ keyId: who.alice.keyId, person: 'Alice Example', roles: ['publisher'] }])
  const [mirror] = bundle.statement.mirrors
  assert.ok(mirror)
  const paths = (await bundle.tree(mirror.tree)).map((entry) => entry.path)
  assert.deepEqual(paths, ['pool/one.deb', 'pool/two.deb'])
  assert.deepEqual((await bundle.plain(statement.docs.tree)).map((entry) => entry.path), ['runbook.md'])
  assert.equal(bundle.blob(statement.contents.sha256)?.sha512, statement.contents.sha512)
  assert.ok(seen.length > 0)
})

suite('bytes', () => {
  const someBlob = () => join(blobPath(statement.mirrors[0]?.tree.sha256 ?? ''))
  const cases: [string, string, (directory: string) => Promise<void>][] = [
    ['a flipped byte', 'E_FILE_ALTERED', (directory) => flip(join(directory, someBlob()))],
    ['a flipped byte in a document', 'E_FILE_ALTERED', (directory) => flip(join(directory, 'docs/runbook.md'))],
    ['a flipped byte in the list of blobs', 'E_FILE_ALTERED', (directory) => flip(join(directory, blobPath(statement.contents.sha256)))],
    ['a truncated file', 'E_FILE_TRUNCATED', (directory) => truncate(join(directory, someBlob()), 5)],
    ['a truncated list of blobs', 'E_FILE_TRUNCATED', (directory) => truncate(join(directory, blobPath(statement.contents.sha256)), 5)],
    ['an emptied file of unknown size', 'E_FILE_TRUNCATED', (directory) => truncate(join(directory, 'README.txt'), 0)],
    ['a longer file', 'E_FILE_GROWN', async (directory) => writeFile(join(directory, 'sallyport'), 'more', { flag: 'a' })],
    ['a missing file', 'E_FILE_MISSING', (directory) => rm(join(directory, 'README.txt'))],
    ['a missing SHA512SUMS', 'E_FILE_MISSING', (directory) => rm(join(directory, 'SHA512SUMS'))],
    ['an added file', 'E_FILE_EXTRA', async (directory) => writeFile(join(directory, 'docs/more.md'), 'x')],
    ['an added blob', 'E_FILE_EXTRA', async (directory) => writeFile(join(directory, 'blobs/sha256', 'a'.repeat(64)), 'x')],
    ['an added empty folder', 'E_FILE_EXTRA', async (directory) => void (await mkdir(join(directory, 'empty')))],
    ['swapped files', 'E_FILE_SWAPPED', (directory) => swap(join(directory, 'docs/runbook.md'), join(directory, 'evidence/sbom.json'))],
    [
      'a link in place of a file',
      'E_FILE_KIND',
      async (directory) => {
        await rename(join(directory, 'README.txt'), join(root, `away-${count}`))
        await symlink(join(root, `away-${count}`), join(directory, 'README.txt'))
      },
    ],
    ['a link more', 'E_FILE_KIND', (directory) => symlink('/etc', join(directory, 'docs/etc'))],
    ['something in approvals/', 'E_APPROVALS', async (directory) => {
      await mkdir(join(directory, 'approvals'))
      await writeFile(join(directory, 'approvals/one.json'), '{}')
    }],
    ['a changed SHA512SUMS', 'E_SUMS_CHANGED', (directory) => flip(join(directory, 'SHA512SUMS'))],
    ['content changed together with SHA512SUMS', 'E_SUMS_CHANGED', async (directory) => {
      await writeFile(join(directory, 'docs/runbook.md'), '# Evil\n')
      const sums = new Map(parseSums(await readFile(join(directory, 'SHA512SUMS'))))
      sums.set('docs/runbook.md', sha512(Buffer.from('# Evil\n')))
      await writeFile(join(directory, 'SHA512SUMS'), serialiseSums(sums))
    }],
    ['no bundle.json', 'E_BUNDLE_ABSENT', (directory) => rm(join(directory, 'bundle.json'))],
    ['a bundle.json beyond all bounds', 'E_TOO_LARGE', (directory) => writeFile(join(directory, 'bundle.json'), Buffer.alloc((1 << 20) + 1, 32))],
  ]
  for (const [what, code, damage] of cases) {
    test(`${what} is refused with ${code}`, async () => {
      const directory = await copy()
      await damage(directory)
      const codes = await codesOf(verify(directory))
      assert.ok(codes.includes(code), codes.join(', '))
    })
  }

  test('an empty approvals/ is accepted', async () => {
    const directory = await copy()
    await mkdir(join(directory, 'approvals'))
    await verify(directory)
  })

  test('every difference is named at once', async () => {
    const directory = await copy()
    await rm(join(directory, 'README.txt'))
    await writeFile(join(directory, 'more'), '')
    await symlink('x', join(directory, 'link'))
    assert.deepEqual(new Set(await codesOf(verify(directory))), new Set(['E_FILE_MISSING', 'E_FILE_EXTRA', 'E_FILE_KIND']))
  })

  test('several damaged files are each named with their own code', async () => {
    const directory = await copy()
    await flip(join(directory, 'docs/runbook.md'))
    await truncate(join(directory, 'sallyport'), 3)
    assert.deepEqual(new Set(await codesOf(verify(directory))), new Set(['E_FILE_ALTERED', 'E_FILE_TRUNCATED']))
  })
})

suite('signatures', () => {
  test('no signature', async () => {
    const directory = await copy()
    await rm(join(directory, 'signatures'), { recursive: true })
    assert.deepEqual(await codesOf(verify(directory)), ['E_UNSIGNED'])
  })

  for (const algorithm of ['mldsa87', 'p384']) {
    test(`${algorithm} alone missing`, async () => {
      const directory = await copy()
      await rm(join(directory, 'signatures', `${who.alice.keyId}.${algorithm}.sig`))
      assert.deepEqual(await codesOf(verify(directory)), ['E_SIGNATURE_PARTIAL'])
    })

    test(`${algorithm} alone broken`, async () => {
      const directory = await copy()
      await flip(join(directory, 'signatures', `${who.alice.keyId}.${algorithm}.sig`))
      assert.deepEqual(await codesOf(verify(directory)), ['E_SIGNATURE_INVALID'])
    })
  }

  test('a changed bundle.json', async () => {
    const directory = await copy()
    await flip(join(directory, 'bundle.json'))
    assert.deepEqual(await codesOf(verify(directory)), ['E_SIGNATURE_INVALID'])
  })

  test('a broken signature refuses even when enough others are good', async () => {
    const directory = await copy()
    await signBundle(directory, who.bob)
    await flip(join(directory, 'signatures', `${who.alice.keyId}.p384.sig`))
    assert.deepEqual(await codesOf(verify(directory)), ['E_SIGNATURE_INVALID'])
  })

  test('a file that is no signature', async () => {
    const directory = await copy()
    await writeFile(join(directory, 'signatures/run.sh'), 'x')
    assert.deepEqual(await codesOf(verify(directory)), ['E_SIGNATURE_FILE'])
  })

  test('an unknown key; beside a known one it is a notice only', async () => {
    const mallory = await newKey('Mallory', 'publisher')
    const directory = await copy()
    await signBundle(directory, mallory)
    const { notices } = await verify(directory)
    assert.equal(notices.length, 1)
    for (const algorithm of ['mldsa87', 'p384']) await rm(join(directory, 'signatures', `${who.alice.keyId}.${algorithm}.sig`))
    assert.deepEqual(await codesOf(verify(directory)), ['E_KEY_UNKNOWN'])
  })

  test('a revoked key, and a digest it keeps', async () => {
    const revoked = (keeps: string[]) =>
      policyOf({
        root: who.root,
        keys: [who.alice],
        revocations: [{ keyId: who.alice.keyId, at: '2026-11-30T00:00:00Z', reason: 'lost', keeps }],
      })
    assert.deepEqual(await codesOf(verify(pristine, { policy: revoked([]) })), ['E_KEY_REVOKED'])
    await verify(pristine, { policy: revoked([digest]) })
  })
})

suite('decision', () => {
  const two = { import: { publisher: 2 }, install: { publisher: 1 }, upgrade: { publisher: 1 } }

  test('too few persons for one act only', async () => {
    const strict = policyOf({ root: who.root, keys: [who.alice, who.bob], thresholds: two })
    assert.deepEqual(await codesOf(verify(pristine, { policy: strict })), ['E_THRESHOLD'])
    await verify(pristine, { policy: strict, act: 'install' })
    const directory = await copy()
    await signBundle(directory, who.bob)
    await verify(directory, { policy: strict })
  })

  test('one person with two keys counts once, also under another spelling of the name', async () => {
    for (const name of ['Alice Example', 'ALICE  EXAMPLE']) {
      const again = await newKey(name, 'publisher')
      const directory = await copy()
      await signBundle(directory, again)
      if (name === 'Alice Example') {
        const strict = policyOf({ root: who.root, keys: [who.alice, again], thresholds: two })
        assert.deepEqual(await codesOf(verify(directory, { policy: strict })), ['E_PERSON_TWICE', 'E_THRESHOLD'])
      } else {
        assert.throws(() => policyOf({ root: who.root, keys: [who.alice, again], thresholds: two }), { code: 'E_POLICY_INVALID' })
      }
    }
  })

  test('a name the key does not cover', async () => {
    const other = policyOf({ root: who.root, keys: [who.alice], names: ['mesh', 'hell'] })
    assert.deepEqual(await codesOf(verify(pristine, { policy: other })), ['E_KEY_NAME_PATTERN', 'E_THRESHOLD'])
    await verify(pristine, { policy: policyOf({ root: who.root, keys: [who.alice], names: ['he*o'] }) })
  })

  test('a role the act does not ask for', async () => {
    const need = policyOf({ root: who.root, keys: [who.alice], thresholds: { ...two, import: { accreditor: 1 } } })
    assert.deepEqual(await codesOf(verify(pristine, { policy: need })), ['E_KEY_ROLE', 'E_THRESHOLD'])
  })

  test('an expired policy, and one from the future', async () => {
    assert.deepEqual(await codesOf(verify(pristine, { now: new Date('2027-11-22T00:00:00Z') })), ['E_POLICY_EXPIRED'])
    assert.deepEqual(await codesOf(verify(pristine, { now: new Date('2025-11-22T00:00:00Z') })), ['E_POLICY_NOT_YET'])
  })

  test('a marking above the ceiling: level, category, another label policy, an unknown level', async () => {
    const under = (ceiling: object) => policyOf({ root: who.root, keys: [who.alice], ceiling: { ...CEILING, ...ceiling } })
    for (const ceiling of [{ level: 'UNCLASSIFIED' }, { policyVersion: '2' }, { policy: 'urn:other:x' }, { levels: ['LOW', 'HIGH'], level: 'HIGH' }]) {
      assert.deepEqual(await codesOf(verify(pristine, { policy: under(ceiling) })), ['E_MARKING_CEILING'])
    }
    const directory = await copy()
    await resign(directory, { marking: { ...FIELDS.marking, categories: ['IMAGERY'] } })
    assert.deepEqual(await codesOf(verify(directory)), ['E_MARKING_CEILING'])
    await verify(directory, { policy: under({ categories: ['IMAGERY'] }) })
  })

  test('a kind that is not installed', async () => {
    const directory = await copy()
    await resign(directory, { kind: 'advisory' })
    assert.deepEqual(await codesOf(verify(directory, { act: 'upgrade' })), ['E_KIND_ACT'])
    await verify(directory)
  })

  test('a sequence below the floor of policy or site, and the exception that expires', async () => {
    const floor = [{ kind: 'release' as const, name: 'hello', sequence: 101 }]
    assert.deepEqual(await codesOf(verify(pristine, { floor })), ['E_BELOW_FLOOR'])
    assert.deepEqual(await codesOf(verify(pristine, { policy: policyOf({ root: who.root, keys: [who.alice], floor }) })), ['E_BELOW_FLOOR'])
    await verify(pristine, { floor: [{ kind: 'advisory', name: 'hello', sequence: 101 }, { kind: 'release', name: 'mesh', sequence: 101 }] })
    const exceptions = [{ kind: 'release' as const, name: 'hello', digest, expires: '2026-12-05T00:00:00Z', reason: 'defect in 101' }]
    const lenient = policyOf({ root: who.root, keys: [who.alice], floor, exceptions })
    await verify(pristine, { policy: lenient })
    assert.deepEqual(await codesOf(verify(pristine, { policy: lenient, now: new Date('2026-12-06T00:00:00Z') })), ['E_BELOW_FLOOR'])
  })

  test('a sequence known with other content', async () => {
    await verify(pristine, { known: [{ name: 'hello', sequence: 100, digest }] })
    const known = [{ name: 'hello', sequence: 100, digest: 'a'.repeat(128) }]
    assert.deepEqual(await codesOf(verify(pristine, { known })), ['E_SEQUENCE_REUSED'])
  })

  test('all reasons at once', async () => {
    const harsh = policyOf({ root: who.root, keys: [who.alice, who.bob], thresholds: two, ceiling: { ...CEILING, level: 'UNCLASSIFIED' } })
    const codes = await codesOf(verify(pristine, { policy: harsh, floor: [{ kind: 'release', name: 'hello', sequence: 101 }], now: new Date('2028-01-01T00:00:00Z') }))
    assert.deepEqual(codes, ['E_POLICY_EXPIRED', 'E_THRESHOLD', 'E_MARKING_CEILING', 'E_BELOW_FLOOR'])
  })
})

suite('signed, but not a bundle', () => {
  test('a statement that is not strict JSON', async () => {
    const directory = await copy()
    const text = await readFile(join(directory, 'bundle.json'), 'utf8')
    for (const bad of [`${text} `, text.replace('{\n', '{\n  "name": "x",\n'), `\ufeff${text}`, text.replace('"hello"', '"hell\\u006f"')]) {
      await writeFile(join(directory, 'bundle.json'), bad)
      await writeSignatures(directory, who.alice.keyId, signBytes(Buffer.from(bad), who.alice))
      assert.deepEqual(await codesOf(verify(directory)), ['E_JSON_STRICT'])
    }
  })

  for (const [what, code, change] of [
    ['another type', 'E_FORMAT_UNKNOWN', { type: 'application/vnd.sallyport.policy.v1+json' }],
    ['a later format', 'E_FORMAT_UNKNOWN', { formatVersion: 2 }],
    ['an unknown critical name', 'E_CRITICAL_UNKNOWN', { critical: ['quantum'] }],
    ['a member out of range', 'E_STATEMENT_INVALID', { sequence: -1, targets: [{}] }],
    ['an image that is not there', 'E_REFERENCE_ABSENT', { images: [{ name: 'x', reference: 'localhost/x:1', manifest: { sha256: 'b'.repeat(64), sha512: 'b'.repeat(128), size: 1 } }] }],
    ['a blob that nothing refers to', 'E_BLOB_UNREFERENCED', { iac: [] }],
  ] as const) {
    test(`${what} is refused with ${code}`, async () => {
      const directory = await copy()
      await resign(directory, change)
      assert.ok((await codesOf(verify(directory))).includes(code))
    })
  }

  test('members that this program does not know are ignored unless they are critical', async () => {
    const directory = await copy()
    await resign(directory, { comment: 'from a later writer' })
    await verify(directory)
  })

  test('a listed file without a place in the format', async () => {
    const directory = await copy()
    await relist(directory, async (sums) => {
      await writeFile(join(directory, 'autorun.inf'), 'x')
      sums.set('autorun.inf', sha512(Buffer.from('x')))
    })
    assert.deepEqual(await codesOf(verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('an index.json that shows other images', async () => {
    const directory = await copy()
    await relist(directory, async (sums) => {
      await writeFile(join(directory, 'index.json'), '{}')
      sums.set('index.json', sha512(Buffer.from('{}')))
    })
    assert.deepEqual(await codesOf(verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('a list of blobs that does not fit SHA512SUMS', async () => {
    const directory = await copy()
    await relist(directory, async (sums) => {
      await writeFile(join(directory, blobPath('c'.repeat(64))), 'x')
      sums.set(blobPath('c'.repeat(64)), sha512(Buffer.from('x')))
    })
    assert.deepEqual(await codesOf(verify(directory)), ['E_CONTENTS_MISMATCH'])
  })

  test('a SHA512SUMS that is not a list', async () => {
    const directory = await copy()
    const bytes = Buffer.from('# comment\n')
    await writeFile(join(directory, 'SHA512SUMS'), bytes)
    await resign(directory, { sums: { sha512: sha512(bytes), size: bytes.byteLength } })
    assert.deepEqual(await codesOf(verify(directory)), ['E_SUMS_INVALID'])
  })
})

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  await writeFile(path, bytes)
}

async function swap(a: string, b: string): Promise<void> {
  await rename(a, `${a}.tmp`)
  await rename(b, a)
  await rename(`${a}.tmp`, b)
}
