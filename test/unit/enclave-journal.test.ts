import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { circumstancesOf, raise, readFloors, seen, type Floors } from '../../src/enclave/floor/floors.ts'
import { raiseMemory, readMemory, recordCustody } from '../../src/enclave/floor/memory.ts'
import { append, readChain } from '../../src/enclave/journal/chain.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { codesOf, NOW, temporary } from './bundle-fixture.ts'

const now = (): Date => NOW

test('a journal is a chain: a line cut by a power loss is no entry, a changed or removed one is seen', async (t) => {
  const path = join(await temporary(t), 'journal/one.jsonl')
  for (const value of [1, 2, 3]) await append(path, { value }, now)
  await appendFile(path, '{"number":3,"val')
  assert.equal((await readChain(path)).entries.length, 3)
  await append(path, { value: 4 }, now)
  assert.deepEqual((await readChain<{ value: number }>(path)).entries.map((one) => one.value), [1, 2, 3, 4])
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('"value":2', '"value":7'))
  assert.deepEqual(await codesOf(readChain(path)), ['E_STATE'])
  await writeFile(path, text.split('\n').toSpliced(1, 1).join('\n'))
  assert.deepEqual(await codesOf(readChain(path)), ['E_STATE'])
})

const digest = fc.constantFrom('a', 'b', 'c').map((letter) => letter.repeat(128))
const floors: fc.Arbitrary<Floors> = fc.dictionary(
  fc.constantFrom('release/mesh', 'release/hello'),
  fc.record({ sequence: fc.nat(9), known: fc.dictionary(fc.nat(9).map(String), digest) }),
)

test('a memory only rises: joining never lowers a sequence and never forgets or changes a digest', () => {
  fc.assert(
    fc.property(floors, floors, (first, second) => {
      const joined = raise(first, second)
      for (const [key, floor] of Object.entries(first)) {
        assert.ok((joined[key]?.sequence ?? -1) >= floor.sequence)
        for (const [sequence, known] of Object.entries(floor.known)) assert.equal(joined[key]?.known[sequence], known)
      }
      for (const [key, floor] of Object.entries(second)) assert.ok((joined[key]?.sequence ?? -1) >= floor.sequence)
      assert.equal(JSON.stringify(raise(joined, joined)), JSON.stringify(joined))
    }),
  )
})

test('a host remembers across processes, and a damaged memory is never read as an empty one', async (t) => {
  const paths = hostPaths(await temporary(t))
  const mesh = { kind: 'release', name: 'mesh', sequence: 110, digest: 'a'.repeat(128) }
  await raiseMemory(paths, seen(mesh, true))
  await raiseMemory(paths, seen({ ...mesh, sequence: 100, digest: 'b'.repeat(128) }, true))
  assert.equal((await readMemory(paths))['release/mesh']?.sequence, 110)
  const { floor, known } = circumstancesOf([await readMemory(paths)])
  assert.deepEqual(floor, [{ kind: 'release', name: 'mesh', sequence: 110 }])
  assert.equal(known.length, 2)
  await writeFile(paths.floor, '{"release/mesh":{"sequence":')
  assert.deepEqual(await codesOf(readMemory(paths)), ['E_STATE'])
  assert.throws(() => readFloors('{"release/mesh":{"sequence":-1,"known":{}}}', 'x'))
})

test('a bundle that was only taken in sets no floor, but its sequence is taken', () => {
  const { floor, known } = circumstancesOf([seen({ kind: 'release', name: 'mesh', sequence: 111, digest: 'c'.repeat(128) }, false)])
  assert.deepEqual(floor, [])
  assert.equal(known[0]?.sequence, 111)
})

test('custody has an event once, however often its step is repeated', async (t) => {
  const paths = hostPaths(await temporary(t))
  const entry = { event: 'imported', bundle: 'mesh 1.0.0', sequence: 100, digest: 'a', plan: 'p', attempt: 1, signers: [], policy: 'x' } as const
  await recordCustody(paths, entry, now)
  await recordCustody(paths, entry, now)
  await recordCustody(paths, { ...entry, attempt: 2 }, now)
  assert.equal((await readChain(paths.custody)).entries.length, 2)
})
