import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ECOSYSTEMS } from '../../src/connected/definition/schema.ts'
import { logReader } from '../../src/lab/nflog.ts'
import type { Packets, Reach } from '../../src/lab/lab.ts'
import type { Statement } from '../../src/bundle/statement.ts'
import { CLIENTS } from '../../src/proof/clients.ts'
import { judgeStart } from '../../src/proof/images.ts'
import { placeOf } from '../../src/proof/placement.ts'
import { faultLines, reachedOf } from '../../src/proof/record.ts'

const hex = (...parts: readonly string[]): Buffer => Buffer.from(parts.join(''), 'hex')
const little = (value: number, bytes: 2 | 4): string => (bytes === 2 ? Buffer.from(Uint16Array.of(value).buffer) : Buffer.from(Uint32Array.of(value).buffer)).toString('hex')

function attribute(type: number, value: string): string {
  const length = 4 + value.length / 2
  return `${little(length, 2)}${little(type, 2)}${value}${'00'.repeat((4 - (length % 4)) % 4)}`
}
function record(payload: string, uid?: string): Buffer {
  const body = `02000035${attribute(10, '00')}${attribute(9, payload)}${uid === undefined ? '' : attribute(11, uid)}`
  const length = little(body.length / 2, 4)
  return hex(little(0, 4), little(0, 4), length, length, body)
}
const HEAD = hex('d4c3b2a1020004000000000000000000', little(0x40000, 4), little(239, 4))
const TCP4 = `4500002800000000${'40'}060000c6120001cb007109${'c35001bb'}${'00'.repeat(16)}`
const DNS4 = `4500003900000000${'40'}1100007f0000017f000001${'d4310035'}${'00000000'}${'0001010000010000000000000765786d61706c65036f72670000010001'.replace('65786d61706c65', '6578616d706c65')}`
const TCP6 = `6000000000140640fd53616c6c7900000000000000000001${'20010db8000000000000000000000001'}${'c35001bb'}${'00'.repeat(16)}`

test('the log of the kernel is read as it comes, in any pieces: address, port, name asked for, user', () => {
  const all = Buffer.concat([HEAD, record(TCP4, '00000064'), record(DNS4), record(TCP6)])
  const expected = [
    { protocol: 'TCP', to: '203.0.113.9', port: 443, uid: 100 },
    { protocol: 'UDP', to: '127.0.0.1', port: 53, question: 'example.org' },
    { protocol: 'TCP', to: '2001:db8::1', port: 443 },
  ]
  for (const size of [1, 7, all.length]) {
    const read = logReader()
    const found = Array.from({ length: Math.ceil(all.length / size) }, (_, at) => read(all.subarray(at * size, (at + 1) * size))).flat()
    assert.deepEqual(found, expected, `pieces of ${size}`)
  }
})

test('a name that is longer than its message, and a stream that is no recording', () => {
  const cut = DNS4.replace('076578616d706c65', '3f6578616d706c65')
  assert.equal(logReader()(Buffer.concat([HEAD, record(cut)]))[0]?.question, undefined)
  assert.throws(() => logReader()(Buffer.alloc(24)))
})

test('places are counted once each; what the enclave calls itself is not outside', () => {
  const reach = (more: Partial<Reach>): Reach => ({ host: 'h1', at: 0, protocol: 'UDP', to: '127.0.0.1', port: 53, ...more })
  const asked = [reach({ question: 'example.org' }), reach({ question: 'example.org' }), reach({ question: '_https._tcp.depot.enclave.example' }), reach({ protocol: 'TCP', to: '2001:db8::1', port: 443, uid: 7 })]
  assert.deepEqual(reachedOf(asked, 'enclave.example'), [
    { host: 'h1', to: 'the name example.org', times: 2 },
    { host: 'h1', to: 'TCP [2001:db8::1]:443', times: 1, uid: 7 },
  ])
  assert.equal(reachedOf([reach({ question: 'notenclave.example' })], 'enclave.example').length, 1)
})

test('a fault is a line of the definition and what is wrong with it', () => {
  const packets: Omit<Packets, 'file'>[] = [{ total: 2, inside: 1, noise: {}, elsewhere: { 'ARP for 203.0.113.9': 1 }, refusedInHost: {} }]
  const tried = [
    { what: 'npm: a@1.0.0', line: 'bundle.yaml:9:3', seconds: 1, well: false, reached: [{ host: 'h1', to: 'the name example.org', times: 2 }] },
    { what: 'apt: b', line: 'bundle.yaml:8:3', seconds: 1, well: false, why: 'its client ended with 100', said: 'Reading…\nE: Unable to locate package c\n', reached: [] },
    { what: 'apt: d', line: 'bundle.yaml:8:5', seconds: 1, well: true, reached: [] },
  ]
  assert.deepEqual(faultLines({ tried, packets }), [
    'bundle.yaml:9:3: npm: a@1.0.0 reached out: the name example.org (2 times)',
    'bundle.yaml:8:3: apt: b: its client ended with 100: E: Unable to locate package c',
    'on the wire, by nobody known: ARP for 203.0.113.9 (1 times)',
  ])
})

test('an image that ends for want of settings has started; one without its libraries, its interpreter or its file has not', () => {
  assert.equal(judgeStart(0, ''), undefined)
  assert.equal(judgeStart(124, 'error: anything'), undefined)
  assert.equal(judgeStart(1, 'FATAL: no password was given'), undefined)
  assert.match(judgeStart(127, 'error while loading shared libraries: libx.so.1') ?? '', /not there/)
  assert.match(judgeStart(126, '') ?? '', /cannot be started/)
  assert.match(judgeStart(125, '') ?? '', /podman/)
  assert.match(judgeStart(1, "Error: Cannot find module '/app/main.mjs'") ?? '', /needs is not there/)
  assert.match(judgeStart(2, "python3: can't open file '/app/main.py': [Errno 2] No such file or directory") ?? '', /needs is not there/)
})

test('every ecosystem of a definition has a client, or says why it has none', () => {
  assert.deepEqual(Object.keys(CLIENTS).toSorted(), [...ECOSYSTEMS].toSorted())
})

test('a release is tried with the roles whose images it brings, and with the profile when that is all', () => {
  const having = (...names: string[]): Statement => ({ images: names.map((name) => ({ name })) }) as unknown as Statement
  assert.deepEqual(placeOf(having('postgresql'), 1).roles, [['depot', 'postgresql']])
  const all = ['postgresql', 'ceph', 'keycloak', 'schema-registry', 'control-plane', 'monitoring', 'envoy']
  assert.equal(placeOf(having(...all), 1).roles, undefined)
  assert.ok(placeOf(having(...all), 1).all.includes('proxy'))
})
