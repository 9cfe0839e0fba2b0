/** Holds docs/format.md against the code: every example in it is read by the reader of that record. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { parseApproval } from '../../src/bundle/approval.ts'
import { CONTENT_CHECK, LISTING_CHECK, MLDSA87_CHECK, P384_CHECK, SUMS_CHECK } from '../../src/bundle/commands.ts'
import { newKey, pem } from '../../src/bundle/keys.ts'
import { serialiseIndex } from '../../src/bundle/oci.ts'
import { acceptPolicy } from '../../src/bundle/policy-file.ts'
import { parsePayload } from '../../src/bundle/policy.ts'
import { listOf } from '../../src/bundle/shape.ts'
import { blobRef, parseStatement } from '../../src/bundle/statement.ts'
import { parseStrict, serialise } from '../../src/bundle/strict-json.ts'
import { parseSums } from '../../src/bundle/sums.ts'
import { parsePlain, parseTree } from '../../src/bundle/tree.ts'

const examples = new Map<string, string>()

before(async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/format.md'), 'utf8')
  for (const [, name = '', body = ''] of text.matchAll(/^```(?:json|text|sh) (.+)\n([^]*?)^```$/gm))
    examples.set(name, body)
})

function bytesOf(name: string): Buffer {
  const text = examples.get(name)
  assert.ok(text !== undefined, `docs/format.md has no example of ${name}`)
  return Buffer.from(text)
}

test('the statement, and index.json that follows from it', () => {
  const statement = parseStatement(bytesOf('bundle.json'))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const images = statement.images.map((entry) => ({ entry, mediaType }))
  assert.equal(serialiseIndex(images).toString(), examples.get('index.json'))
})

test('blob reference and list of blobs', () => {
  const faults: string[] = []
  blobRef(parseStrict(bytesOf('blob reference'), { what: 'x', limit: 1e4 }), 'blob', faults)
  listOf(blobRef, 10)(parseStrict(bytesOf('list of blobs'), { what: 'x', limit: 1e4 }), 'contents', faults)
  assert.deepEqual(faults, [])
})

test('tree, plain entries and SHA512SUMS', () => {
  assert.equal(parseTree(bytesOf('tree'), 'tree').length, 2)
  assert.equal(parsePlain(bytesOf('plain entries'), 'docs').length, 1)
  assert.deepEqual([...parseSums(bytesOf('SHA512SUMS')).keys()], ['README.txt', 'docs/runbook.md'])
})

test('an approval', () => {
  assert.equal(parseApproval(bytesOf('approval')).act, 'install')
})

test('key.json', async () => {
  assert.deepEqual(Object.keys(JSON.parse(bytesOf('key.json').toString()) as object), [
    'type',
    'keyId',
    'person',
    'role',
  ])
  parseStrict(bytesOf('key.json'), { what: 'key.json', limit: 1e4 })
})

test('the payload of a policy, with real keys in place of the abbreviated ones', async () => {
  const payload = parseStrict(bytesOf('policy payload'), { what: 'x', limit: 1e5 }) as {
    keys: Record<string, string>[]
  }
  for (const entry of payload.keys) {
    const { keyId, keys } = await newKey('x', 'root')
    Object.assign(entry, { keyId, mldsa87: pem(keys.mldsa87), p384: pem(keys.p384) })
  }
  assert.equal(parsePayload(serialise(payload).toString()).payload.version, 2)
})

test('the file of a policy is well formed; its payload is only the beginning of one', () => {
  assert.throws(
    () => acceptPolicy(bytesOf('policy file')),
    (error: { code: string; detail: { faults: string[] } }) => {
      assert.equal(error.code, 'E_FORMAT_UNKNOWN')
      return true
    },
  )
})

test('the commands', () => {
  const lines = bytesOf('commands').toString().trimEnd().split('\n')
  assert.deepEqual(lines, [P384_CHECK, MLDSA87_CHECK, SUMS_CHECK, CONTENT_CHECK, LISTING_CHECK])
})
