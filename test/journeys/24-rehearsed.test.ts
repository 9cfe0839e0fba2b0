import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makePassphrase, makeTrust } from '../../src/demo/organisation.ts'
import { placesIn } from '../../src/demo/places.ts'
import { sallyport } from '../../src/demo/sallyport.ts'
import { labDown, labList } from '../../src/lab/lab.ts'
import { buildSmall } from './shared/several.ts'
import { at } from './shared/workshop.ts'

const PLACES = placesIn(at('rehearsed'))
/** A release that calls home while it is converged, and goes on when nobody answers. */
const CALLS_HOME = `- name: Ask for news
  ansible.builtin.command: {argv: [bash, -c, 'exec 3<>/dev/tcp/203.0.113.9/443 || true']}
  changed_when: false
`

interface Rehearsal {
  readonly acts: readonly { readonly title: string; readonly seconds: number; readonly faults: readonly string[]; readonly reached: readonly { readonly to: string; readonly during: string }[] }[]
  readonly packets: { readonly inside: number; readonly elsewhere: object }
}

describe('an upgrade is rehearsed in disposable hosts without network before discs are burned', () => {
  const say = (line: string): void => console.log(`    ${line}`)

  before(async () => {
    await rm(PLACES.folder, { recursive: true, force: true })
    await mkdir(PLACES.folder, { recursive: true })
    await makePassphrase(PLACES)
    await makeTrust(PLACES)
    await buildSmall(PLACES, { version: '1.0.0', sequence: 100 })
    await buildSmall(PLACES, { version: '1.1.0', sequence: 110, tasks: CALLS_HOME })
  })
  after(async () => {
    for (const { name } of await labList()) if (name.startsWith('prove-')) await labDown(name)
  })

  async function nothingIsLeft(): Promise<void> {
    assert.deepEqual((await labList()).filter(({ name }) => name.startsWith('prove-')), [], 'a lab was left')
    assert.deepEqual((await readdir(PLACES.folder)).filter((name) => name.startsWith('.')), [], 'copies were left')
  }

  test('a downgrade is not rehearsed', async () => {
    const ended = await sallyport(['rehearse', '--from', PLACES.bundle('1.1.0'), PLACES.bundle('1.0.0')])
    assert.deepEqual([ended.exit, ended.error?.code], [2, 'E_REHEARSAL_BUNDLES'], ended.stderr)
  })

  test('installation, upgrade, rollback and the upgrade again end well, each with its time; what reached out is told with the step', async () => {
    const ended = await sallyport(['rehearse', '--from', PLACES.bundle('1.0.0'), PLACES.bundle('1.1.0')], { onLine: say })
    assert.equal(ended.exit, 0, ended.stderr)
    const { acts, packets } = ended.result as Rehearsal
    for (const { title, seconds } of acts) say(`${title}: ${seconds} s`)
    assert.deepEqual(
      acts.map(({ title }) => title),
      ['Install 1.0.0', 'health of 1.0.0', 'Upgrade to 1.1.0', 'health of 1.1.0', 'Go back to 1.0.0', 'health of 1.0.0', 'Upgrade to 1.1.0 again', 'health of 1.1.0'],
    )
    assert.deepEqual(acts.flatMap(({ faults }) => faults), [])
    const calls = acts.filter(({ reached }) => reached.some(({ to, during }) => to === 'TCP 203.0.113.9:443' && /converge/i.test(during)))
    assert.deepEqual(calls.map(({ title }) => title), ['Upgrade to 1.1.0', 'Upgrade to 1.1.0 again'])
    assert.deepEqual(packets.elsewhere, {})
    await nothingIsLeft()
  })

  test('a release that cannot be installed ends the rehearsal, and its hosts are taken down', async () => {
    const definition = join(PLACES.folder, 'definition-1.0.0')
    const file = join(definition, 'bundle.yaml')
    const whole = await readFile(file, 'utf8')
    const bundle = PLACES.bundle('0.9.0')
    await writeFile(file, whole.replace('version: 1.0.0', 'version: 0.9.0').replace('sequence: 100', 'sequence: 90').replace(/^ +- nginx\n/m, ''))
    const built = await sallyport(['build', definition, '-o', bundle, '--update'])
    await writeFile(file, whole)
    assert.equal(built.exit, 0, built.stderr)
    const ended = await sallyport(['rehearse', '--from', bundle, PLACES.bundle('1.0.0')], { onLine: say })
    assert.deepEqual([ended.exit, ended.error?.code], [15, 'E_REHEARSAL'], ended.stderr)
    assert.match(ended.error?.message ?? '', /Install 0\.9\.0/)
    say((ended.error?.faults ?? []).join('\n    '))
    await nothingIsLeft()
  })

  test('a release with playbooks is proven as a whole: as a site, by its own executable', async () => {
    const bundle = join(PLACES.folder, 'proven')
    const ended = await sallyport(['build', join(PLACES.folder, 'definition-1.0.0'), '-o', bundle, '--update', '--prove'], { onLine: say })
    assert.equal(ended.exit, 0, ended.stderr)
    const { tried } = JSON.parse(readFileSync(`${bundle}.proof.json`, 'utf8')) as { tried: { what: string; well: boolean }[] }
    assert.deepEqual(tried.filter(({ well }) => !well), [])
    assert.deepEqual(tried.map(({ what }) => what).filter((what) => !/^(apt|file): /.test(what)), ['image postgresql', 'installation', 'health of 1.0.0'])
    await nothingIsLeft()
  })
})
