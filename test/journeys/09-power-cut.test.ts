import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { before, describe, test } from 'node:test'
import { change } from '../../src/demo/enclave.ts'
import { succeed } from '../../src/demo/sallyport.ts'
import type { World } from '../../src/demo/steps.ts'
import { labPower } from '../../src/lab/lab.ts'
import { ENCLAVE, PLACES, annotations, answersWithin, installed } from './shared/enclave.ts'

const INTO_CONVERGE_MS = 12_000
const ANSWER_LIMIT_S = 240

describe('the power fails in the middle of an upgrade', () => {
  let world: World
  let rows = 0

  before(async () => {
    ;({ world } = await installed())
    await answersWithin(ANSWER_LIMIT_S)
    rows = await annotations()
  })

  test('the engine takes the upgrade up again after the boot and finishes it, while the station waits', async () => {
    let cut: Promise<void> | undefined
    const ended = await change('upgrade', PLACES, PLACES.bundle('1.1.0'), {
      onLine(line) {
        world.say(line)
        if (line.startsWith('Use the depot over TLS')) cut ??= failPower()
      },
    })
    assert.ok(cut, 'the upgrade never came to the step in which the power fails')
    await cut
    assert.equal(ended.exit, 0, ended.stderr)
    const { result } = await succeed(['status', '--site', PLACES.site])
    assert.equal((result as { running: { version: string } }).running.version, '1.1.0')
    console.log(`    answered ${(await answersWithin(ANSWER_LIMIT_S)).toFixed(0)} s after the upgrade`)
    assert.equal(await annotations(), rows)
  })

  async function failPower(): Promise<void> {
    await pause(INTO_CONVERGE_MS)
    await labPower(ENCLAVE, 'h1', 'cut')
    console.log('    the power is gone')
    await pause(5_000)
    await labPower(ENCLAVE, 'h1', 'on')
    console.log('    the power is back')
  }
})
