import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { query } from '../../../src/demo/mesh.ts'
import { IMAGERY } from '../../../src/demo/people.ts'
import { placesIn, type Places } from '../../../src/demo/places.ts'
import { succeed } from '../../../src/demo/sallyport.ts'
import { STEPS, type World } from '../../../src/demo/steps.ts'
import { hostNamed, labList, labRun, type Lab } from '../../../src/lab/lab.ts'
import { TEST_LAB_PREFIX } from './lab.ts'
import { at } from './workshop.ts'

/** One enclave for all journeys that need one: installed by journey 05, used and upgraded by the later ones. */
export const ENCLAVE = `${TEST_LAB_PREFIX}enclave`
export const PLACES: Places = placesIn(at('enclave'))

const MARK = at('enclave', 'installed')

export function newWorld(): World {
  return {
    places: PLACES,
    labName: ENCLAVE,
    passphrase: '',
    policyDigest: '',
    lab: undefined,
    authority: undefined,
    say: (line) => console.log(`    ${line}`),
  }
}

/** Runs the demo's own step of that title: the journeys and the demo must not drift apart. */
export async function step(world: World, title: string): Promise<string> {
  const found = STEPS.find((one) => one.title === title)
  assert.ok(found, `the demo has no step ${title}`)
  const { outcome } = await found.run(world)
  console.log(`    ${title}: ${outcome}`)
  return outcome
}

export async function markInstalled(): Promise<void> {
  await writeFile(MARK, 'mesh 1.0.0\n')
}

/** The enclave that journey 05 installed. Fails, naming that journey, when it did not. */
export async function installed(): Promise<{ world: World; lab: Lab }> {
  const lab = (await labList()).find((one) => one.name === ENCLAVE)
  if (!lab || !existsSync(MARK)) throw new Error('no enclave: journey 05 has to pass before this one')
  const world = newWorld()
  world.lab = lab
  world.passphrase = (await readFile(PLACES.passphrase, 'utf8')).trim()
  return { world, lab }
}

/** Runs one line on the enclave's host as root and returns what it printed; any other exit than 0 fails. */
export async function onHost(lab: Lab, line: string): Promise<string> {
  const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, 'h1'), line)
  assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
  return stdout
}

export const COUNT = 'SELECT count(*) FROM product'

/** How many imagery annotations the SECRET analyst gets now. */
export async function annotations(): Promise<number> {
  const ended = await query(PLACES, 's.analyst', IMAGERY, COUNT)
  assert.equal(ended.exit, 0, ended.stderr)
  return Number((ended.result as { rows: unknown[][] }).rows[0]?.[0])
}

/** Waits until the mesh answers the SECRET analyst again; returns seconds. */
export async function answersWithin(seconds: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const ended = await query(PLACES, 's.analyst', IMAGERY, COUNT)
    const passed = (performance.now() - started) / 1000
    if (ended.exit === 0) return passed
    if (passed > seconds) assert.fail(`no answer within ${seconds} s: ${ended.stderr}`)
    await pause(1000)
  }
}

export interface SmallMesh {
  readonly folder: string
  readonly version: string
  readonly sequence: number
  readonly marking: string
}

/** A signed bundle that says it is the mesh but holds one file: enough to be refused. */
export async function smallMesh({ folder, version, sequence, marking }: SmallMesh): Promise<string> {
  const definition = at(`${folder}-definition`)
  const bundle = at(`${folder}-bundle`)
  for (const path of [definition, bundle]) await rm(path, { recursive: true, force: true })
  await mkdir(definition, { recursive: true })
  await writeFile(`${definition}/note.txt`, 'not the release you know\n')
  const text = stringify({
    apiVersion: 'sallyport/v1',
    kind: 'release',
    name: 'mesh',
    version,
    sequence,
    marking: { level: marking },
    targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
    upgradesFrom: [{ name: 'mesh', minSequence: 100, maxSequence: 109 }],
    mirrors: [{ name: 'files', ecosystem: 'file', files: [{ from: 'note.txt', path: 'note.txt' }] }],
  })
  await writeFile(`${definition}/bundle.yaml`, text)
  await succeed(['build', definition, '-o', bundle])
  await succeed(['sign', bundle, '--key', PLACES.publisher, '--passphrase-file', PLACES.passphrase])
  return bundle
}
