import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { change, initSite } from '../../../src/demo/enclave.ts'
import { makePeople } from '../../../src/demo/organisation.ts'
import { placesIn, type Places } from '../../../src/demo/places.ts'
import { succeed } from '../../../src/demo/sallyport.ts'
import { placeRoles, type Profile } from '../../../src/enclave/site/profile.ts'
import { hostNamed, labDown, labList, labRun, labUp, type Lab } from '../../../src/lab/lab.ts'
import { PLACES } from './enclave.ts'
import { TEST_LAB_PREFIX } from './lab.ts'
import { release } from './release.ts'
import { at } from './workshop.ts'

/** Three hosts for two journeys: `standard` is installed on them, and then they grow to `scale`. */
export const THREE = `${TEST_LAB_PREFIX}three`
/** The bundle, keys and policy of the enclave that journey 05 installs; people and site of their own. */
export const THREE_PLACES: Places = { ...placesIn(at('three')), bundle: PLACES.bundle, policy: PLACES.policy, passphrase: PLACES.passphrase }

export const HOSTS = ['h1', 'h2', 'h3'] as const
export const say = (line: string): void => console.log(`    ${line}`)

/** Three fresh hosts, an organisation and a site of the profile `standard`. */
export async function threeHosts(): Promise<Lab> {
  await release()
  if ((await labList()).some((one) => one.name === THREE)) await labDown(THREE)
  await rm(THREE_PLACES.folder, { recursive: true, force: true })
  await mkdir(THREE_PLACES.folder, { recursive: true })
  const lab = await labUp({ name: THREE, hosts: HOSTS.length })
  const passphrase = (await readFile(PLACES.passphrase, 'utf8')).trim()
  // People come to the first host, whose proxy finds the way to whatever is elsewhere.
  const authority = await makePeople(THREE_PLACES, passphrase, lab.hosts[0]?.address ?? '')
  const { result } = await succeed(['policy', 'show', PLACES.policy])
  await initSite(THREE_PLACES, lab, authority, (result as { sha512: string }).sha512, { profile: 'standard' })
  return lab
}

/** The hosts that journey 18 installed. Fails, naming that journey, when it did not. */
export async function threeInstalled(): Promise<Lab> {
  const lab = (await labList()).find((one) => one.name === THREE)
  if (!lab || !existsSync(join(THREE_PLACES.folder, 'installed'))) throw new Error('no three hosts: journey 18 has to pass before this one')
  return lab
}

/** Installs the release on the site as it is described now, and answers what the step "Converge" said. */
export async function converge(): Promise<string> {
  let converged = ''
  const started = performance.now()
  const ended = await change('install', THREE_PLACES, THREE_PLACES.bundle('1.0.0'), {
    onLine(line) {
      say(line)
      if (line.startsWith('Converge:')) converged = line
    },
  })
  assert.equal(ended.exit, 0, ended.stderr)
  await writeFile(join(THREE_PLACES.folder, 'installed'), 'mesh 1.0.0\n')
  say(`in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return converged
}

/** Writes another profile and its roles into site.yaml, as an operator would. */
export async function becomes(profile: Profile, more: Readonly<Record<string, readonly string[]>> = {}): Promise<void> {
  const file = join(THREE_PLACES.site, 'site.yaml')
  const document = parseDocument(await readFile(file, 'utf8'))
  const { roles, objectStore } = placeRoles(profile, HOSTS.length)
  document.set('profile', profile)
  document.set('objectStore', objectStore)
  for (const [at, name] of HOSTS.entries()) document.setIn(['hosts', at, 'roles'], [...(roles[at] ?? []), ...(more[name] ?? [])])
  await writeFile(file, String(document))
}

/** Writes a role into site.yaml under another host. */
export async function moved(role: string, from: string, to: string): Promise<void> {
  const file = join(THREE_PLACES.site, 'site.yaml')
  const document = parseDocument(await readFile(file, 'utf8'))
  const { hosts } = document.toJS() as { hosts: { name: string; roles: string[] }[] }
  for (const [at, { name, roles }] of hosts.entries()) {
    const others = roles.filter((one) => one !== role)
    if (name === from || name === to) document.setIn(['hosts', at, 'roles'], name === to ? [...others, role] : others)
  }
  await writeFile(file, String(document))
}

/** Runs one line on a host as root and returns what it printed; any other exit than 0 fails. */
export async function on(lab: Lab, host: string, line: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, host), line, input)
  assert.equal(code, 0, `${host}: ${line}\n${stdout.slice(-3000)}${stderr.slice(-3000)}`)
  return stdout.trim()
}

export async function containers(lab: Lab, host: string): Promise<string[]> {
  return (await on(lab, host, 'podman ps --format "{{.Names}}"')).split('\n').toSorted()
}
