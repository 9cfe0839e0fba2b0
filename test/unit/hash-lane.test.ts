import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { HashLane, laneBuffer } from '../../src/bundle/hash-lane.ts'

const THREADED = 1 << 30
const PIECE = 1 << 20

for (const [where, total] of [['on its thread', THREADED], ['without one', 0]] as const) {
  test(`streams that are given in turns have their own digests, ${where}`, async () => {
    const lane = new HashLane(total)
    try {
      const expected = [createHash('sha512'), createHash('sha512')]
      const streams = [lane.open(), lane.open()]
      const buffer = laneBuffer(PIECE)
      for (let round = 0; round < 20; round += 1) {
        // The buffer is used again as soon as it was read.
        await lane.passed()
        randomBytes(PIECE).copy(buffer)
        expected[round % 2]?.update(buffer)
        lane.update(streams[round % 2] ?? 0, buffer)
      }
      assert.deepEqual(
        await Promise.all(streams.map((stream) => lane.digest(stream))),
        expected.map((hash) => hash.digest('hex')),
      )
      assert.equal(await lane.digest(lane.open()), createHash('sha512').digest('hex'), 'an empty one')
    } finally {
      await lane.close()
    }
  })
}

test('whoever waits for a thread that ended is told', async () => {
  const lane = new HashLane(THREADED)
  const stream = lane.open()
  lane.update(stream, laneBuffer(PIECE))
  const [passed, digest] = [lane.passed(), lane.digest(stream)]
  await lane.close()
  for (const one of [passed, digest, lane.passed(), lane.digest(stream)]) await assert.rejects(one, /the hashing thread ended/)
})
