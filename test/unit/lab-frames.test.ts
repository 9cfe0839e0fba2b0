import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { noRoutes } from '../../src/lab/capture.ts'
import { classify, frames } from '../../src/lab/frames.ts'

/** Block 0: 192.0.2.0/28. */
const BLOCK = 0
const MAC = '02000000000102000000000a'

function ipv4(from: string, to: string, protocol = 6): Buffer {
  const address = (text: string): string => Buffer.from(text.split('.').map(Number)).toString('hex')
  const header = `4500002800000000${'40'}${protocol.toString(16).padStart(2, '0')}0000${address(from)}${address(to)}`
  return Buffer.from(`${MAC}0800${header}${'00'.repeat(20)}`, 'hex')
}

function ipv6(from: string, to: string, next: string, payload = '00'.repeat(16)): Buffer {
  return Buffer.from(`${MAC}86dd600000000010${next}ff${from}${to}${payload}`, 'hex')
}

function arp(target: string): Buffer {
  const address = Buffer.from(target.split('.').map(Number)).toString('hex')
  return Buffer.from(`${MAC}0806000108000604000102000000000ac0000202000000000000${address}`, 'hex')
}

const LINK_LOCAL = `fe80${'00'.repeat(6)}0200000000000001`
const ALL_ROUTERS = `ff02${'00'.repeat(13)}02`

test('between two addresses of the block is inside', () => {
  assert.deepEqual(classify(ipv4('192.0.2.2', '192.0.2.1'), BLOCK), { kind: 'inside', what: 'TCP inside the lab' })
})

test('any other IPv4 address is elsewhere, whichever end it is', () => {
  assert.deepEqual(classify(ipv4('192.0.2.2', '192.0.2.17', 17), BLOCK), {
    kind: 'elsewhere',
    what: 'UDP 192.0.2.2 → 192.0.2.17',
  })
  assert.equal(classify(ipv4('10.88.0.2', '192.0.2.2'), BLOCK).kind, 'elsewhere')
  assert.equal(classify(ipv4('0.0.0.0', '255.255.255.255', 17), BLOCK).kind, 'elsewhere')
  assert.equal(classify(ipv4('192.0.2.2', '224.0.1.1', 17), BLOCK).kind, 'elsewhere')
})

test('the local control block of multicast is noise', () => {
  assert.deepEqual(classify(ipv4('192.0.2.2', '224.0.0.22', 2), BLOCK), { kind: 'noise', what: 'IGMP to 224.0.0.22' })
})

test('ARP is noise when it asks for the block, elsewhere when it asks for another place', () => {
  assert.deepEqual(classify(arp('192.0.2.3'), BLOCK), { kind: 'noise', what: 'ARP for 192.0.2.3' })
  assert.deepEqual(classify(arp('192.0.2.99'), BLOCK), { kind: 'elsewhere', what: 'ARP for 192.0.2.99' })
})

test('IPv6 on the link is noise, also behind a hop-by-hop header; a global address is elsewhere', () => {
  assert.deepEqual(classify(ipv6(LINK_LOCAL, ALL_ROUTERS, '3a'), BLOCK), { kind: 'noise', what: 'ICMPv6 to ff02::2' })
  const report = ipv6('00'.repeat(16), `ff02${'00'.repeat(13)}16`, '00', `3a${'00'.repeat(15)}`)
  assert.deepEqual(classify(report, BLOCK), { kind: 'noise', what: 'ICMPv6 to ff02::16' })
  const global = `20010db8${'00'.repeat(11)}01`
  assert.deepEqual(classify(ipv6(LINK_LOCAL, global, '11'), BLOCK), {
    kind: 'elsewhere',
    what: 'UDP fe80::200:0:0:1 → 2001:db8::1',
  })
  assert.equal(classify(ipv6(global, ALL_ROUTERS, '3a'), BLOCK).kind, 'elsewhere')
})

test('other Ethernet types are elsewhere, but for the addresses no bridge forwards to', () => {
  assert.equal(classify(Buffer.from(`${MAC}88cc0000`, 'hex'), BLOCK).kind, 'elsewhere')
  assert.equal(classify(Buffer.from('0180c200000e02000000000a88cc0000', 'hex'), BLOCK).kind, 'noise')
  assert.deepEqual(classify(Buffer.alloc(4), BLOCK), { kind: 'elsewhere', what: 'Ethernet type 0x0000' })
})

test('frames come out of a pcap file in order, and a last record cut short is left out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lab-frames-'))
  try {
    const head = Buffer.alloc(24)
    head.writeUInt32LE(0xa1b2c3d4, 0)
    head.writeUInt32LE(1, 20)
    const record = (frame: Buffer): Buffer => {
      const lengths = Buffer.alloc(16)
      lengths.writeUInt32LE(frame.length, 8)
      return Buffer.concat([lengths, frame])
    }
    const sent = Array.from({ length: 30_000 }, (_, at) => ipv4('192.0.2.2', `192.0.2.${at % 256}`))
    const file = join(folder, 'some.pcap')
    await writeFile(file, Buffer.concat([head, ...sent.map(record), record(arp('192.0.2.3')).subarray(0, 30)]))
    let at = 0
    for await (const frame of frames(file)) assert.ok(frame.equals(sent[at++] as Buffer))
    assert.equal(at, sent.length)
    await writeFile(file, 'this is no capture of packets at all')
    await assert.rejects(async () => void (await frames(file).next()), /not a capture/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('what had no route is added up over both protocols', () => {
  const text = 'Ip: Forwarding OutNoRoutes InHdrErrors\nIp: 2 7 0\nIcmp: x\nIcmp: 1\nIp6InReceives   1\nIp6OutNoRoutes   4\n'
  assert.equal(noRoutes(text), 11)
})
