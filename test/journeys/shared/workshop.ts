import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readPrivateKey } from '../../../src/bundle/keys.ts'
import { readPolicy, signPolicy } from '../../../src/bundle/policy-file.ts'
import type { PolicyPayload } from '../../../src/bundle/policy.ts'
import { succeed } from '../../../src/demo/sallyport.ts'

/** Everything the journeys make lies here; `npm test` empties it first, so that each run proves it from nothing. */
export const WORKSHOP = new URL('../../../out/test/', import.meta.url).pathname

export const at = (...parts: string[]): string => join(WORKSHOP, ...parts)

export async function emptyWorkshop(): Promise<void> {
  // A run that was killed leaves the name of a network namespace as a mount.
  const mounted = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '')
  for (const path of mounted) if (path.startsWith(WORKSHOP)) execFileSync('umount', ['--lazy', path])
  await rm(WORKSHOP, { recursive: true, force: true })
}

/** Passphrase of every test key; in a file, as a person would keep it from argument lists. */
export async function passphraseFile(): Promise<string> {
  await mkdir(WORKSHOP, { recursive: true })
  const file = at('passphrase')
  if (!existsSync(file)) await writeFile(file, 'correct horse battery staple\n', { mode: 0o600 })
  return file
}

export interface TestKey {
  readonly directory: string
  readonly publicDirectory: string
  readonly keyId: string
}

/** A key of `person`; `label` is its folder's name. Made once a run. */
export async function key(person: string, role: string, label: string): Promise<TestKey> {
  const directory = at('keys', label)
  if (!existsSync(directory)) {
    await mkdir(at('keys'), { recursive: true })
    await succeed(['keys', 'new', '--person', person, '--role', role, '-o', directory, '--passphrase-file', await passphraseFile()])
  }
  const { keyId } = (await import(join(directory, 'key.json'), { with: { type: 'json' } })).default as { keyId: string }
  return { directory, publicDirectory: `${directory}.public`, keyId }
}

export interface PolicyRequest {
  readonly file: string
  readonly publishers: readonly TestKey[]
  readonly names?: string
  readonly thresholds?: readonly string[]
  readonly ceiling?: string
}

/** A trust policy signed by the test root; made once a run. */
export async function policy({ file, publishers, names = 'hello,mesh', thresholds = [], ceiling = 'TOP SECRET' }: PolicyRequest): Promise<string> {
  const path = at(file)
  if (existsSync(path)) return path
  const root = await key('Root Person', 'root', 'root')
  await succeed([
    ...['policy', 'new', '-o', path, '--site', 'test', '--root', root.directory, '--names', names, '--ceiling', ceiling],
    ...publishers.flatMap((one) => ['--publisher', one.publicDirectory]),
    ...thresholds.flatMap((text) => ['--threshold', text]),
    ...['--passphrase-file', await passphraseFile()],
  ])
  return path
}

/** The policy of the test publisher with some decisions changed, signed by the same root: what a site writes after a loss. */
export async function changedPolicy(file: string, change: Partial<PolicyPayload>): Promise<string> {
  const root = await key('Root Person', 'root', 'root')
  const secret = await readPrivateKey(root.directory, (await readFile(await passphraseFile(), 'utf8')).trim())
  const { payload } = await readPolicy((await publisher()).policy)
  await writeFile(at(file), signPolicy({ ...payload, ...change }, [secret]))
  return at(file)
}

/** The publisher of the test bundles, and the policy that accepts them. */
export async function publisher(): Promise<{ key: TestKey; policy: string }> {
  const one = await key('Publisher Person', 'publisher', 'publisher')
  return { key: one, policy: await policy({ file: 'trust-policy.json', publishers: [one] }) }
}

/** Builds and signs a definition into `out/test/<label>`, once a run. */
export async function signedBundle(definition: string, label: string): Promise<string> {
  const directory = at(label)
  if (existsSync(directory)) return directory
  await mkdir(WORKSHOP, { recursive: true })
  const building = at(`${label}.unsigned`)
  await rm(building, { recursive: true, force: true })
  await succeed(['build', definition, '-o', building], { onLine: (line) => console.log(`    ${line}`) })
  await sign(building, (await publisher()).key)
  await rename(building, directory)
  return directory
}

export async function sign(bundle: string, by: TestKey): Promise<void> {
  await succeed(['sign', bundle, '--key', by.directory, '--passphrase-file', await passphraseFile()])
}
