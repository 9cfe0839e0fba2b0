import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { before, describe, test } from 'node:test'
import { change } from '../../src/demo/enclave.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import type { World } from '../../src/demo/steps.ts'
import { labCapture, type Capture } from '../../src/lab/lab.ts'
import { PLACES, markInstalled, newWorld, onHost, smallMesh, step } from './shared/enclave.ts'

const UNPLUGGED_MS = 20_000

describe('from a fresh host to a running mesh, with no packet for anywhere else', () => {
  const world: World = newWorld()
  let capture: Capture

  before(() => mkdirSync(PLACES.folder, { recursive: true }))

  test('mesh 1.0.0 is built, signed, and verified by its own executable', async () => {
    await step(world, 'build mesh 1.0.0')
    await step(world, 'make keys and trust policy')
    await succeed(['sign', PLACES.bundle('1.0.0'), '--key', PLACES.publisher, '--passphrase-file', PLACES.passphrase])
    await step(world, 'verify with the bundle’s own executable')
  })

  test('a disconnected host, an organisation and a site', async () => {
    await step(world, 'start a disconnected host')
    await step(world, 'set up PKI, people and site')
    assert.ok(world.lab)
    capture = await labCapture(world.lab)
  })

  test('a host with another SSH key than the confirmed one is refused', async () => {
    const file = join(PLACES.site, 'site.yaml')
    const right = readFileSync(file, 'utf8')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(PLACES.folder, 'other')])
    const [type, key] = readFileSync(join(PLACES.folder, 'other.pub'), 'utf8').split(' ')
    writeFileSync(file, right.replace(/- (ssh-|ecdsa-)\S+ \S+/, `- ${type} ${key}`))
    const ended = await sallyport(['plan', PLACES.bundle('1.0.0'), '--site', PLACES.site])
    writeFileSync(file, right)
    assert.equal(ended.error?.code, 'E_HOST_KEY', ended.stderr)
  })

  test('a bundle marked above the site’s ceiling is refused before anything is sent', async () => {
    const file = join(PLACES.site, 'site.yaml')
    const right = readFileSync(file, 'utf8')
    const bundle = await smallMesh({ folder: 'above', version: '1.0.0', sequence: 100, marking: 'SECRET' })
    writeFileSync(file, right.replace(/^ceiling: .*$/m, 'ceiling: CONFIDENTIAL'))
    const ended = await sallyport(['plan', bundle, '--site', PLACES.site])
    writeFileSync(file, right)
    assert.equal(ended.error?.code, 'E_CEILING', ended.stderr)
  })

  test('the plan is data to review: each step with its host, reason, estimate and undo', async () => {
    await step(world, 'plan')
    const plan = JSON.parse(readFileSync(join(PLACES.folder, 'plan.json'), 'utf8')) as { steps: Record<string, unknown>[] }
    for (const one of plan.steps) for (const field of ['id', 'title', 'reason', 'host']) assert.ok(one[field], `${JSON.stringify(one)} has no ${field}`)
  })

  test('the engine goes on when the station is killed and its cable is pulled', async () => {
    assert.ok(world.lab)
    const { bridge } = world.lab
    await handOverAndDie()
    execFileSync('ip', ['link', 'set', bridge, 'down'])
    await pause(UNPLUGGED_MS)
    execFileSync('ip', ['link', 'set', bridge, 'up'])
    execFileSync('ip', ['address', 'show', 'dev', bridge])
    const status = await succeed(['status', '--site', PLACES.site])
    const { active, running } = status.result as { active?: { step: string }; running?: unknown }
    assert.ok(active ?? running, `the engine is not at work: ${JSON.stringify(status.result)}`)
    const ended = await change('install', PLACES, PLACES.bundle('1.0.0'), { onLine: world.say })
    assert.equal(ended.exit, 0, ended.stderr)
    console.log(`    peak memory of our process on the station: ${Math.round((ended.peakBytes ?? 0) / 1e6)} MB`)
    await markInstalled()
  })

  test('not one packet went anywhere else during the installation', async () => {
    const { elsewhere, refusedInHost, noise, inside } = await capture.stop()
    console.log(`    ${inside} packets inside; noise on the link: ${JSON.stringify(noise)}; refused in the host: ${JSON.stringify(refusedInHost)}`)
    assert.ok(inside > 1000)
    assert.deepEqual(elsewhere, {})
  })

  test('the host got its packages from the depot over TLS, with Debian’s own signatures checked', async () => {
    assert.ok(world.lab)
    const sources = await onHost(world.lab, 'cat /etc/apt/sources.list.d/*.sources; cat /etc/apt/sources.list 2>/dev/null; true')
    assert.match(sources, /URIs: https:\/\/depot\./)
    assert.match(sources, /Signed-By: \/usr\/share\/keyrings\/debian-archive-keyring/)
    assert.doesNotMatch(sources, /trusted|http:/i)
    await onHost(world.lab, 'apt-get update -o APT::Update::Error-Mode=any 2>&1')
    const images = await onHost(world.lab, 'podman images --format "{{.Repository}}"')
    for (const image of images.split('\n').filter(Boolean)) assert.match(image, /^depot\./)
  })

  /** Starts an installation as an operator would, and kills the station's process once the engine has the plan. */
  async function handOverAndDie(): Promise<void> {
    const bundle = PLACES.bundle('1.0.0')
    const words = ['install', bundle, '--site', PLACES.site, '--plan', join(PLACES.folder, 'plan.json')]
    const station = spawn(join(bundle, 'sallyport'), [...words, '--ca-passphrase-file', PLACES.passphrase, '--json'], { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(station, 'exit')
    let said = ''
    for await (const line of createInterface({ input: station.stderr })) {
      said += `${line}\n`
      const { event, task } = JSON.parse(line) as { event?: string; task?: string }
      if (event === 'done') world.say(String(task))
      if (event === 'done' && task === 'Hand the plan to the engine') {
        station.kill('SIGKILL')
        await ended
        return
      }
    }
    assert.fail(`the station ended before the engine had the plan:\n${said}`)
  }
})
