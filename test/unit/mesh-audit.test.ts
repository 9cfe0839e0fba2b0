import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { decodeBatch } from '../../src/mesh/audit/batch.ts'
import type { Access } from '../../src/mesh/audit/event.ts'
import { AuditLog } from '../../src/mesh/audit/log.ts'
import { HeadMemory } from '../../src/mesh/audit/memory.ts'
import { EMPTY, append, leafHash, rootHash } from '../../src/mesh/audit/merkle.ts'
import { TextKeys, sealDigest } from '../../src/mesh/audit/text.ts'
import type { SealedText } from '../../src/mesh/audit/text.ts'
import { verifyLog } from '../../src/mesh/audit/verify.ts'
import { fault } from '../../src/mesh/codes.ts'
import { MeshFault } from '../../src/mesh/fault.ts'
import { ShelfStore } from '../contract/mesh-shelf-store.ts'

const folder = await mkdtemp(join(tmpdir(), 'mesh-audit-'))
after(() => rm(folder, { recursive: true, force: true }))
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
const origin = { site: 'site-1', instance: 'h1', release: '1.0.0', policy: 'urn:p', policyVersion: '1' }

const access: Access = {
  act: 'query',
  allowed: true,
  reasons: ['read-is-for-cleared-people'],
  connection: { address: '192.0.2.1', subject: 'CN=analyst', thumbprint: 'x' },
  products: [{ id: 'p-1', domain: 'geoint', name: 'layer' }],
  text: 'SELECT * FROM product',
}

let made = 0
function newLog(store: ShelfStore, own = String((made += 1)), instance = 'h1', key = privateKey): { log: AuditLog; texts: TextKeys; own: string } {
  const texts = new TextKeys(join(folder, own, 'keys'))
  const memory = new HeadMemory(join(folder, own, 'head.json'))
  const log = new AuditLog({
    store,
    bucket: 'audit',
    origin: { ...origin, instance },
    key,
    texts,
    memory,
    sole: { check: async () => 'held' },
    retentionMs: 60_000,
    now: () => new Date('2026-11-22T10:00:00Z'),
  })
  return { log, texts, own }
}

const prove = (store: ShelfStore, each: (event: string) => void = () => undefined, key = privateKey) =>
  verifyLog({ store, bucket: 'audit', site: 'site-1' }, new Map([['h1', createPublicKey(key)]]), each)

test('the tree hash is RFC 6962’s recursion, whatever the number of leaves', () => {
  const split = (leaves: Buffer[]): Buffer => {
    const [only] = leaves
    if (only !== undefined && leaves.length === 1) return leafHash(only)
    let half = 1
    while (half * 2 < leaves.length) half *= 2
    const [left, right] = [split(leaves.slice(0, half)), split(leaves.slice(half))]
    // An inner node is hashed as 0x01 || left || right: the same as a leaf hash but for the first byte.
    return rootHash({ size: 3, roots: [left, right] })
  }
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 40 }), (data) => {
      const leaves = data.map((bytes) => Buffer.from(bytes))
      const frontier = leaves.reduce(append, EMPTY)
      assert.equal(frontier.size, leaves.length)
      assert.deepEqual(rootHash(frontier), split(leaves))
    }),
  )
})

test('an access is in a locked object before record resolves; a new process goes on with the same tree', async () => {
  const store = new ShelfStore()
  const { log, own } = newLog(store)
  await log.open()
  const id = await log.record(access)
  await log.record({ ...access, allowed: false, reasons: ['clearance-too-low'] })
  await log.close()
  const again = newLog(store, own).log
  await again.open()
  await again.record(access)
  const events: Record<string, unknown>[] = []
  const proof = await prove(store, (event) => events.push(JSON.parse(event) as Record<string, unknown>))
  assert.deepEqual([proof.events, proof.batches], [3, 3])
  assert.equal((events[0]?.['metadata'] as { uid: string } | undefined)?.uid, id)
  assert.match(await again.check(), /^3 events, newest locked until 2026-11-22T10:01:00/)
})

test('events carry what OCSF requires of their class, and never the text', async () => {
  const store = new ShelfStore()
  const { log } = newLog(store)
  await log.open()
  for (const act of ['search', 'entry', 'query', 'publish', 'authenticate'] as const) await log.record({ ...access, act })
  await prove(store, (line) => {
    const event = JSON.parse(line) as Record<string, unknown> & { type_uid: number; class_uid: number; activity_id: number }
    for (const name of ['activity_id', 'category_uid', 'class_uid', 'severity_id', 'time', 'type_uid', 'metadata', 'actor', 'src_endpoint']) {
      assert.ok(event[name] !== undefined, `${name} is required`)
    }
    assert.equal(event.type_uid, event.class_uid * 100 + event.activity_id)
    assert.ok(event.class_uid === 6003 ? event['api'] : event['databucket'])
    assert.doesNotMatch(line, /SELECT/)
  })
})

test('concurrent accesses share objects', async () => {
  const store = new ShelfStore()
  const { log } = newLog(store)
  await log.open()
  await Promise.all(Array.from({ length: 50 }, () => log.record(access)))
  const proof = await prove(store)
  assert.equal(proof.events, 50)
  assert.ok(proof.batches <= 5, `${proof.batches} batches`)
})

test('when the log cannot be written the access is refused, and the log goes on afterwards', async () => {
  const store = new ShelfStore()
  const { log } = newLog(store)
  await log.open()
  await log.record(access)
  store.failing = 'before'
  await assert.rejects(log.record(access), (error: MeshFault) => error.code === 'E_MESH_AUDIT' && error.status === 503)
  await assert.rejects(log.check(), MeshFault)
  store.failing = 'after'
  const { text: _, ...untexted } = access
  await assert.rejects(log.record(untexted), MeshFault)
  store.failing = undefined
  await log.record(access)
  const proof = await prove(store)
  // The write whose answer was lost did happen: the log holds it, though its reader was refused.
  assert.equal(proof.events, 3)
})

test('two writers never fork the log', async () => {
  const store = new ShelfStore()
  const [one, two] = [newLog(store).log, newLog(store).log]
  await one.open()
  await two.open()
  await one.record(access)
  await assert.rejects(two.record(access), MeshFault)
  await two.record(access)
  assert.equal((await prove(store)).events, 2)
})

test('tampering is found', async () => {
  const store = new ShelfStore()
  const { log, own } = newLog(store)
  await log.open()
  for (let count = 0; count < 3; count += 1) await log.record(access)
  await log.close()
  await assert.rejects(prove(store, undefined, other), /signature/)
  const key = 'log/h1/000000000001.ndjson'
  const body = await store.get('audit', key)
  store.tamper('audit', key, Buffer.from(body.toString().replace('"status_id":1', '"status_id":2')))
  await assert.rejects(prove(store), /not the one that was logged/)
  store.tamper('audit', key, undefined)
  await assert.rejects(prove(store), MeshFault)
  store.tamper('audit', key, body)
  store.tamper('audit', 'log/h1/000000000002.ndjson', undefined)
  await assert.rejects(newLog(store, own).log.open(), /shorter than this host remembers/)
})

test('openssl alone checks a head', async () => {
  const store = new ShelfStore()
  const { log, own } = newLog(store)
  await log.open()
  await log.record(access)
  await log.close()
  const { head } = decodeBatch(await store.get('audit', 'log/h1/000000000000.ndjson'))
  const [key, text, signature] = ['pub.pem', 'head.json', 'head.sig'].map((name) => join(folder, own, name))
  assert.ok(key && text && signature)
  await writeFile(key, createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }))
  await writeFile(text, head.head)
  await writeFile(signature, Buffer.from(head.signature, 'base64'))
  const said = execFileSync('openssl', ['dgst', '-sha384', '-verify', key, '-signature', signature, text], { encoding: 'utf8' })
  assert.match(said, /Verified OK/)
})

test('a destroyed key hides the text and leaves the proof', async () => {
  const store = new ShelfStore()
  const { log, texts, own } = newLog(store)
  await log.open()
  await log.record(access)
  const key = await store.firstAfter('audit', 'text/', '')
  assert.ok(key)
  const sealed = JSON.parse((await store.get('audit', key)).toString()) as SealedText
  assert.equal(await texts.unseal(sealed), access.text)
  const file = join(folder, own, 'keys', 'p-1', '2026-11-22.key')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  await rm(file)
  assert.equal(await texts.unseal(sealed), undefined)
  const [event] = decodeBatch(await store.get('audit', 'log/h1/000000000000.ndjson')).events
  assert.ok(event?.includes(sealDigest(sealed.sealed)))
  await prove(store)
})

test('a text that was moved to another event does not open', async () => {
  const { texts } = newLog(new ShelfStore())
  const sealed = await texts.seal('event-1', 'p', '2026-11-22', 'text')
  await assert.rejects(texts.unseal({ ...sealed, event: 'event-2' }))
  assert.equal(fault('E_MESH_AUDIT', 'x').status, 503)
})
