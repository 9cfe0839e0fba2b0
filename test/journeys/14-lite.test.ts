import assert from 'node:assert/strict'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { change, initSite } from '../../src/demo/enclave.ts'
import { catalog, publish, query } from '../../src/demo/mesh.ts'
import { makePeople } from '../../src/demo/organisation.ts'
import { DENIED_AREA, IMAGERY } from '../../src/demo/people.ts'
import { placesIn, type Places } from '../../src/demo/places.ts'
import { succeed } from '../../src/demo/sallyport.ts'
import { labDown, labList, labUp, type Lab } from '../../src/lab/lab.ts'
import { COUNT, PLACES, onHost } from './shared/enclave.ts'
import { footprint } from './shared/footprint.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { attacked, imageOf, judge, onStore, reaches, type OnStore } from './shared/object-lock.ts'
import { release } from './shared/release.ts'
import { at } from './shared/workshop.ts'
import { assertUnchanged } from './shared/unchanged.ts'

const NAME = `${TEST_LAB_PREFIX}lite`
/** The bundle, keys and policy of the enclave that journey 05 installs; people and site of its own. */
const places: Places = { ...placesIn(at('lite')), bundle: PLACES.bundle, policy: PLACES.policy, passphrase: PLACES.passphrase }

describe('profile lite: one host, MinIO, answers without a schema registry', () => {
  let lab: Lab | undefined
  let run: OnStore
  let image = ''

  before(async () => {
    await release()
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
    await rm(places.folder, { recursive: true, force: true })
    await mkdir(places.folder, { recursive: true })
    lab = await labUp({ name: NAME, hosts: 1 })
    run = onStore(lab)
    const authority = await makePeople(places, (await readFile(PLACES.passphrase, 'utf8')).trim(), lab.hosts[0]?.address ?? '')
    const { result } = await succeed(['policy', 'show', places.policy])
    await initSite(places, lab, authority, (result as { sha512: string }).sha512, { profile: 'lite' })
  })

  after(async () => {
    if (lab !== undefined) await labDown(lab.name)
  })

  test('it is installed from the same bundle', async () => {
    const started = performance.now()
    const ended = await change('install', places, places.bundle('1.0.0'), { onLine: (line) => console.log(`    ${line}`) })
    assert.equal(ended.exit, 0, ended.stderr)
    console.log(`    installed in ${((performance.now() - started) / 1000).toFixed(0)} s`)
    image = await imageOf(run, 'object-store')
    assert.match(image, /minio/)
    const containers = (await onHost(lab as Lab, 'podman ps --format "{{.Names}}"')).trim().split('\n')
    assert.deepEqual(containers.filter((name) => /schema-registry|trino|object-store-/.test(name)), [])
    for (const line of await footprint(lab as Lab, ['h1'])) console.log(`    ${line}`)
  })

  test('a product is published and asked, and labels hold as they do elsewhere', async () => {
    for (const product of [IMAGERY, DENIED_AREA]) {
      const ended = await publish(places, 'p.ortega', product)
      assert.equal(ended.exit, 0, ended.stderr)
    }
    const ended = await query(places, 's.analyst', IMAGERY, COUNT)
    assert.equal(Number((ended.result as { rows: unknown[][] }).rows[0]?.[0]), 10, ended.stderr)
    assert.deepEqual(await catalog(places, 's.analyst'), { names: [IMAGERY], count: 1 })
    assert.equal((await query(places, 'f.moreau', IMAGERY, COUNT)).exit, 11)
    await onHost(lab as Lab, 'podman exec control-plane node /app/main.mjs verify-audit >/dev/null')
  })

  test('nothing removes or shortens what is locked', async () => judge('MinIO', await attacked(run, image)))

  test('Trino’s account reaches the lake and nothing else', async () => await reaches(run, image))

  test('a killed server comes back', async () => {
    await run('podman kill object-store >/dev/null; for i in $(seq 150); do podman exec object-store true 2>/dev/null && exit 0; sleep 0.2; done; exit 1')
  })

  test('a second run changes nothing', async () => {
    let converged = ''
    const ended = await change('install', places, places.bundle('1.0.0'), { onLine: (line) => void (line.startsWith('Converge:') && (converged = line)) })
    assert.equal(ended.exit, 0, ended.stderr)
    await assertUnchanged(lab as Lab, 'h1', converged)
  })
})
