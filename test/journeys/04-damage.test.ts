import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import { at, changedPolicy, key, passphraseFile, policy, publisher, sign, signedBundle } from './shared/workshop.ts'

let good = ''
let trust = ''
let number = 0

before(async () => {
  good = await signedBundle('bundles/hello', 'hello')
  trust = (await publisher()).policy
  await succeed(['verify', good, '--policy', trust, '--for', 'install'])
})

/** A copy of the good bundle that a test may damage. */
function copy(): string {
  const directory = at(`damaged-${(number += 1)}`)
  rmSync(directory, { recursive: true, force: true })
  cpSync(good, directory, { recursive: true })
  return directory
}

after(() => {
  for (const name of readdirSync(at()).filter((one) => one.startsWith('damaged-'))) rmSync(at(name), { recursive: true, force: true })
})

const largestBlob = (bundle: string): string =>
  readdirSync(join(bundle, 'blobs/sha256'))
    .map((name) => join(bundle, 'blobs/sha256', name))
    .toSorted((a, b) => statSync(b).size - statSync(a).size)[0] as string

async function refused(bundle: string, code: string, exit: number, words: readonly string[] = ['--policy', trust, '--for', 'install']): Promise<string> {
  const ended = await sallyport(['verify', bundle, ...words])
  assert.equal(ended.error?.code, code, ended.stderr)
  assert.equal(ended.exit, exit)
  return ended.stderr
}

test('one flipped byte is refused and the file is named', async () => {
  const bundle = copy()
  const blob = largestBlob(bundle)
  const bytes = readFileSync(blob)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  writeFileSync(blob, bytes)
  assert.ok((await refused(bundle, 'E_FILE_ALTERED', 6)).includes(blob.slice(-64)))
})

test('a truncated file is refused as such', async () => {
  const bundle = copy()
  const blob = largestBlob(bundle)
  truncateSync(blob, statSync(blob).size - 1)
  await refused(bundle, 'E_FILE_TRUNCATED', 6)
})

test('a missing file is refused', async () => {
  const bundle = copy()
  rmSync(join(bundle, 'README.txt'))
  await refused(bundle, 'E_FILE_MISSING', 6)
})

test('an added file is refused', async () => {
  const bundle = copy()
  writeFileSync(join(bundle, 'autorun.sh'), '#!/bin/sh\n')
  await refused(bundle, 'E_FILE_EXTRA', 6)
})

test('two swapped files are refused', async () => {
  const bundle = copy()
  renameSync(join(bundle, 'index.json'), join(bundle, 'x'))
  renameSync(join(bundle, 'oci-layout'), join(bundle, 'index.json'))
  renameSync(join(bundle, 'x'), join(bundle, 'oci-layout'))
  const ended = await sallyport(['verify', bundle, '--policy', trust])
  assert.equal(ended.exit, 6, ended.stderr)
})

test('a link in place of a file is refused', async () => {
  const bundle = copy()
  rmSync(join(bundle, 'README.txt'))
  symlinkSync('/etc/hostname', join(bundle, 'README.txt'))
  await refused(bundle, 'E_FILE_KIND', 6)
})

test('content changed together with SHA512SUMS is refused', async () => {
  const bundle = copy()
  const changed = 'another greeting, by somebody else\n'
  const sums = join(bundle, 'SHA512SUMS')
  writeFileSync(join(bundle, 'README.txt'), changed)
  const digest = createHash('sha512').update(changed).digest('hex')
  writeFileSync(sums, readFileSync(sums, 'utf8').replace(/^[0-9a-f]{128} {2}README\.txt$/m, `${digest}  README.txt`))
  await refused(bundle, 'E_SUMS_CHANGED', 6)
})

test('a changed bundle.json is refused before anything of it is read', async () => {
  const bundle = copy()
  const file = join(bundle, 'bundle.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"sequence": 100', '"sequence": 999'))
  await refused(bundle, 'E_SIGNATURE_INVALID', 5)
})

test('a bundle nobody signed, and one half of a pair of signatures, are refused', async () => {
  const unsigned = copy()
  rmSync(join(unsigned, 'signatures'), { recursive: true })
  await refused(unsigned, 'E_UNSIGNED', 5)
  const half = copy()
  for (const name of readdirSync(join(half, 'signatures')).filter((one) => one.includes('mldsa87'))) rmSync(join(half, 'signatures', name))
  const ended = await sallyport(['verify', half, '--policy', trust])
  assert.equal(ended.exit, 5, ended.stderr)
})

test('an unknown key is refused', async () => {
  const bundle = copy()
  rmSync(join(bundle, 'signatures'), { recursive: true })
  await sign(bundle, await key('Somebody Else', 'publisher', 'stranger'))
  await refused(bundle, 'E_KEY_UNKNOWN', 5)
})

test('a revoked key is refused, but for the bundles its revocation keeps', async () => {
  const { keyId } = (await publisher()).key
  const digest = createHash('sha512').update(readFileSync(join(good, 'bundle.json'))).digest('hex')
  const revocation = { keyId, at: '2026-11-22T00:00:00Z', reason: 'the key folder was lost' }
  const all = await changedPolicy('revoked.json', { revocations: [{ ...revocation, keeps: [] }] })
  await refused(good, 'E_KEY_REVOKED', 5, ['--policy', all])
  const kept = await changedPolicy('revoked-keeps.json', { revocations: [{ ...revocation, keeps: [digest] }] })
  await succeed(['verify', good, '--policy', kept])
})

test('an older sequence than the policy’s floor is refused', async () => {
  const file = await changedPolicy('floor.json', { floor: [{ kind: 'release', name: 'hello', sequence: 101 }] })
  await refused(good, 'E_BELOW_FLOOR', 10, ['--policy', file])
})

test('two keys of one person are one person', async () => {
  const one = (await publisher()).key
  const two = await key('Publisher Person', 'publisher', 'publisher-second')
  const file = await policy({ file: 'two-persons.json', publishers: [one, two], thresholds: ['import=publisher:2'] })
  const bundle = copy()
  await sign(bundle, two)
  await refused(bundle, 'E_PERSON_TWICE', 5, ['--policy', file, '--for', 'import'])
})

test('a threshold that is not met is refused, and met it is accepted', async () => {
  const one = (await publisher()).key
  const other = await key('Second Publisher', 'publisher', 'publisher-other')
  const file = await policy({ file: 'two-publishers.json', publishers: [one, other], thresholds: ['import=publisher:2'] })
  const bundle = copy()
  await refused(bundle, 'E_THRESHOLD', 5, ['--policy', file, '--for', 'import'])
  await sign(bundle, other)
  await succeed(['verify', bundle, '--policy', file, '--for', 'import'])
})

test('a name the key may not sign is refused', async () => {
  const one = (await publisher()).key
  const file = await policy({ file: 'mesh-only.json', publishers: [one], names: 'mesh' })
  await refused(copy(), 'E_KEY_NAME_PATTERN', 5, ['--policy', file])
})

test('a policy other than the one on the card is refused', async () => {
  const ended = await sallyport(['verify', good, '--policy', trust, '--policy-digest', '0'.repeat(128)])
  assert.equal(ended.exit, 5, ended.stderr)
})

test('a countersignature this version does not understand is refused, not ignored', async () => {
  const bundle = copy()
  mkdirSync(join(bundle, 'approvals'))
  writeFileSync(join(bundle, 'approvals/accreditor.json'), '{}\n')
  await refused(bundle, 'E_APPROVAL_FILE', 5)
})

test('a passphrase is never taken from an argument', async () => {
  const ended = await sallyport(['sign', good, '--key', (await publisher()).key.directory, '--passphrase', 'x'])
  assert.equal(ended.exit, 2)
  assert.ok((await passphraseFile()).length > 0)
})
