import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { addressOf, freeBlock, overlaps } from '../../src/lab/blocks.ts'

test('blocks are /28s of the three documentation networks', () => {
  assert.equal(addressOf(0, 1), '192.0.2.1')
  assert.equal(addressOf(15, 14), '192.0.2.254')
  assert.equal(addressOf(17, 2), '198.51.100.18')
  assert.equal(addressOf(47, 1), '203.0.113.241')
})

test('a block overlaps the addresses and prefixes it shares addresses with, and no others', () => {
  assert.ok(overlaps(1, '192.0.2.16'))
  assert.ok(overlaps(1, '192.0.2.31'))
  assert.ok(!overlaps(1, '192.0.2.15'))
  assert.ok(!overlaps(1, '192.0.2.32/28'))
  assert.ok(overlaps(1, '192.0.2.0/24'))
  assert.ok(overlaps(1, '192.0.2.24/30'))
  assert.ok(overlaps(1, '192.0.0.0/8'))
  assert.ok(!overlaps(1, '0.0.0.0/0'), 'a default route takes nothing')
})

test('the first block is taken that neither a lab nor the machine uses', () => {
  assert.equal(freeBlock([], []), 0)
  assert.equal(freeBlock([0, 1, 3], []), 2)
  assert.equal(freeBlock([16], ['192.0.2.2/24', '0.0.0.0/0', '10.0.0.0/8']), 17)
})

test('E_LAB_FULL when every block is used', () => {
  const taken = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/25']
  const labs = Array.from({ length: 8 }, (_, at) => 40 + at)
  assert.throws(() => freeBlock(labs, taken), (error) => error instanceof Fault && error.code === 'E_LAB_FULL')
})
