import assert from 'node:assert/strict'
import { mkdir, rename, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { sha512 } from '../../src/bundle/digest.ts'
import type { Fault } from '../../src/bundle/fault.ts'
import { newKey } from '../../src/bundle/keys.ts'
import { blobPath } from '../../src/bundle/layout.ts'
import { parseSums, serialiseSums } from '../../src/bundle/sums.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { flip, swap, Victim } from './bundle-damage.ts'
import { codesOf, policyOf } from './bundle-fixture.ts'

let victim: Victim
before(async () => {
  victim = await Victim.make()
})
after(() => victim.remove())

test('a good bundle is accepted, and the handle reads checked content', async () => {
  const seen: number[] = []
  const bundle = await victim.verify(victim.pristine, { onProgress: ({ done }) => seen.push(done) })
  assert.equal(bundle.digest, victim.digest)
  assert.deepEqual(bundle.signers, [{ keyId: victim.who.alice.keyId, person: 'Alice Example', roles: ['publisher'] }])
  const [mirror] = bundle.statement.mirrors
  assert.ok(mirror)
  const paths = (await bundle.tree(mirror.tree)).map((entry) => entry.path)
  assert.deepEqual(paths, ['pool/one.deb', 'pool/two.deb'])
  assert.deepEqual(
    (await bundle.plain(victim.statement.docs.tree)).map((entry) => entry.path),
    ['runbook.md'],
  )
  assert.equal(bundle.blob(victim.statement.contents.sha256)?.sha512, victim.statement.contents.sha512)
  assert.ok(seen.length > 0)
})

suite('bytes', () => {
  const someBlob = () => join(blobPath(victim.statement.mirrors[0]?.tree.sha256 ?? ''))
  const cases: [string, string, (directory: string) => Promise<void>][] = [
    ['a flipped byte', 'E_FILE_ALTERED', (directory) => flip(join(directory, someBlob()))],
    ['a flipped byte in a document', 'E_FILE_ALTERED', (directory) => flip(join(directory, 'docs/runbook.md'))],
    [
      'a flipped byte in the list of blobs',
      'E_FILE_ALTERED',
      (directory) => flip(join(directory, blobPath(victim.statement.contents.sha256))),
    ],
    ['a truncated file', 'E_FILE_TRUNCATED', (directory) => truncate(join(directory, someBlob()), 5)],
    [
      'a truncated list of blobs',
      'E_FILE_TRUNCATED',
      (directory) => truncate(join(directory, blobPath(victim.statement.contents.sha256)), 5),
    ],
    ['an emptied file of unknown size', 'E_FILE_TRUNCATED', (directory) => truncate(join(directory, 'README.txt'), 0)],
    [
      'a longer list of blobs',
      'E_FILE_GROWN',
      (directory) => writeFile(join(directory, blobPath(victim.statement.contents.sha256)), ' ', { flag: 'a' }),
    ],
    [
      'a longer file',
      'E_FILE_GROWN',
      async (directory) => writeFile(join(directory, 'sallyport'), 'more', { flag: 'a' }),
    ],
    ['a missing file', 'E_FILE_MISSING', (directory) => rm(join(directory, 'README.txt'))],
    ['a missing SHA512SUMS', 'E_FILE_MISSING', (directory) => rm(join(directory, 'SHA512SUMS'))],
    ['an added file', 'E_FILE_EXTRA', async (directory) => writeFile(join(directory, 'docs/more.md'), 'x')],
    [
      'an added blob',
      'E_FILE_EXTRA',
      async (directory) => writeFile(join(directory, 'blobs/sha256', 'a'.repeat(64)), 'x'),
    ],
    ['an added empty folder', 'E_FILE_EXTRA', async (directory) => void (await mkdir(join(directory, 'empty')))],
    [
      'swapped files',
      'E_FILE_SWAPPED',
      (directory) => swap(join(directory, 'docs/runbook.md'), join(directory, 'evidence/sbom.json')),
    ],
    [
      'a link in place of a file',
      'E_FILE_KIND',
      async (directory) => {
        await rename(join(directory, 'README.txt'), join(victim.root, 'away'))
        await symlink(join(victim.root, 'away'), join(directory, 'README.txt'))
      },
    ],
    ['a link more', 'E_FILE_KIND', (directory) => symlink('/etc', join(directory, 'docs/etc'))],
    [
      'something in approvals/',
      'E_APPROVAL_FILE',
      async (directory) => {
        await mkdir(join(directory, 'approvals'))
        await writeFile(join(directory, 'approvals/one.json'), '{}')
      },
    ],
    ['a changed SHA512SUMS', 'E_SUMS_CHANGED', (directory) => flip(join(directory, 'SHA512SUMS'))],
    [
      'content changed together with SHA512SUMS',
      'E_SUMS_CHANGED',
      async (directory) => {
        await writeFile(join(directory, 'docs/runbook.md'), '# Evil\n')
        const sums = new Map(parseSums(await readFile(join(directory, 'SHA512SUMS'))))
        sums.set('docs/runbook.md', sha512(Buffer.from('# Evil\n')))
        await writeFile(join(directory, 'SHA512SUMS'), serialiseSums(sums))
      },
    ],
    ['no bundle.json', 'E_BUNDLE_ABSENT', (directory) => rm(join(directory, 'bundle.json'))],
    [
      'a bundle.json beyond all bounds',
      'E_TOO_LARGE',
      (directory) => writeFile(join(directory, 'bundle.json'), Buffer.alloc((1 << 20) + 1, 32)),
    ],
  ]
  for (const [what, code, damage] of cases) {
    test(`${what} is refused with ${code}`, async () => {
      const directory = await victim.copy()
      await damage(directory)
      const codes = await codesOf(victim.verify(directory))
      assert.ok(codes.includes(code), codes.join(', '))
    })
  }

  test('an empty approvals/ is accepted', async () => {
    const directory = await victim.copy()
    await mkdir(join(directory, 'approvals'))
    await victim.verify(directory)
  })

  test('every difference is named at once', async () => {
    const directory = await victim.copy()
    await rm(join(directory, 'README.txt'))
    await writeFile(join(directory, 'more'), '')
    await symlink('x', join(directory, 'link'))
    assert.deepEqual(
      new Set(await codesOf(victim.verify(directory))),
      new Set(['E_FILE_MISSING', 'E_FILE_EXTRA', 'E_FILE_KIND']),
    )
  })

  test('several damaged files are each named with their own code', async () => {
    const directory = await victim.copy()
    await flip(join(directory, 'docs/runbook.md'))
    await truncate(join(directory, 'sallyport'), 3)
    assert.deepEqual(new Set(await codesOf(victim.verify(directory))), new Set(['E_FILE_ALTERED', 'E_FILE_TRUNCATED']))
  })
})

suite('signatures', () => {
  test('no signature', async () => {
    const directory = await victim.copy()
    await rm(join(directory, 'signatures'), { recursive: true })
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_UNSIGNED'])
  })

  for (const algorithm of ['mldsa87', 'p384']) {
    test(`${algorithm} alone missing`, async () => {
      const directory = await victim.copy()
      await rm(join(directory, 'signatures', `${victim.who.alice.keyId}.${algorithm}.sig`))
      assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SIGNATURE_PARTIAL'])
    })

    test(`${algorithm} alone broken`, async () => {
      const directory = await victim.copy()
      await flip(join(directory, 'signatures', `${victim.who.alice.keyId}.${algorithm}.sig`))
      assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SIGNATURE_INVALID'])
    })
  }

  test('a changed bundle.json', async () => {
    const directory = await victim.copy()
    await flip(join(directory, 'bundle.json'))
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SIGNATURE_INVALID'])
  })

  test('a broken signature refuses even when enough others are good', async () => {
    const directory = await victim.copy()
    await signBundle(directory, victim.who.bob)
    await flip(join(directory, 'signatures', `${victim.who.alice.keyId}.p384.sig`))
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SIGNATURE_INVALID'])
  })

  test('a file that is no signature', async () => {
    const directory = await victim.copy()
    await writeFile(join(directory, 'signatures/run.sh'), 'x')
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_SIGNATURE_FILE'])
  })

  test('a hostile name does not reach the terminal as it is', async () => {
    const directory = await victim.copy()
    await writeFile(join(directory, 'signatures/\u001b[2J\u202e.sig'), 'x')
    await assert.rejects(victim.verify(directory), (error: Fault) => {
      assert.deepEqual(error.detail.faults, ['signatures/\\u{001b}[2J\\u{202e}.sig'])
      return true
    })
  })

  test('an unknown key; beside a known one it is a notice only', async () => {
    const mallory = await newKey('Mallory', 'publisher')
    const directory = await victim.copy()
    await signBundle(directory, mallory)
    const { notices } = await victim.verify(directory)
    assert.equal(notices.length, 1)
    for (const algorithm of ['mldsa87', 'p384'])
      await rm(join(directory, 'signatures', `${victim.who.alice.keyId}.${algorithm}.sig`))
    assert.deepEqual(await codesOf(victim.verify(directory)), ['E_KEY_UNKNOWN'])
  })

  test('a revoked key, and a victim.digest it keeps', async () => {
    const revoked = (keeps: string[]) =>
      policyOf({
        root: victim.who.root,
        keys: [victim.who.alice],
        revocations: [{ keyId: victim.who.alice.keyId, at: '2026-11-30T00:00:00Z', reason: 'lost', keeps }],
      })
    assert.deepEqual(await codesOf(victim.verify(victim.pristine, { policy: revoked([]) })), ['E_KEY_REVOKED'])
    await victim.verify(victim.pristine, { policy: revoked([victim.digest]) })
  })
})
