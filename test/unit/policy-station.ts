/** A policy of two roots, what follows it, and a site whose card names it. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Command } from '../../src/cli/command.ts'
import { command as keysNew } from '../../src/cli/keys-new.ts'
import { command as policyNext } from '../../src/cli/policy-next.ts'
import { readPrivateKey, readPublicKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { readPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { nextPayload } from '../../src/bundle/policy-next.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { bundleIn, CEILING, temporary } from './bundle-fixture.ts'
import { runCommand, type Answer } from './cli-run.ts'
import { siteFolder } from './enclave-fixture.ts'

const SECRET = 'a long passphrase'
const YEAR = 365 * 86_400_000
const instant = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`
let keys: string
let made = 0

/** Keys made once by the command itself: a folder for each person and role. */
export async function makeKeys(): Promise<void> {
  keys = await mkdtemp(join(tmpdir(), 'policy-keys-'))
  await writeFile(join(keys, 'secret'), `${SECRET}\n`, { mode: 0o600 })
  for (const [name, person, role] of [
    ['rita', 'Rita Root', 'root'],
    ['rolf', 'Rolf Root', 'root'],
    ['ruth', 'Ruth Root', 'root'],
    ['alice', 'Alice Example', 'publisher'],
    ['bob', 'Bob Example', 'publisher'],
    ['olga', 'Olga Officer', 'accreditor'],
  ] as const)
    await runCommand(keys, keysNew, ['--person', person, '--role', role, '-o', name, '--passphrase-file', join(keys, 'secret')])
}

export const removeKeys = (): Promise<void> => rm(keys, { recursive: true, force: true })

export const key = (name: string): string => join(keys, name)
const opened = new Map<string, Promise<PrivateKey>>()
/** Opened once: the passphrase is meant to take its time. */
export function privateKey(name: string): Promise<PrivateKey> {
  const known = opened.get(name) ?? readPrivateKey(key(name), SECRET)
  opened.set(name, known)
  return known
}
export const idOf = async (name: string): Promise<string> => (await readPublicKey(`${key(name)}.public`)).keyId

export class Station {
  readonly cwd: string
  readonly bundle: string
  readonly digest: string

  private constructor(cwd: string, bundle: string, digest: string) {
    this.cwd = cwd
    this.bundle = bundle
    this.digest = digest
  }

  /** A bundle that Alice signed, and a policy of two roots, both of whom a change asks for. */
  static async make(t: TestContext): Promise<Station> {
    const cwd = await temporary(t)
    const { directory, digest } = await bundleIn(cwd, [await privateKey('alice')])
    const station = new Station(cwd, directory, digest)
    const roots = [await privateKey('rita'), await privateKey('rolf')]
    // No two of one second: they would be one policy.
    const now = Date.now() - 1000 * made++
    const draft = draftPolicy({
      site: 'demo',
      created: instant(now - 60_000),
      expires: instant(now + YEAR),
      ceiling: CEILING,
      keys: [...roots.map((root) => ({ key: root, names: [] })), { key: await privateKey('alice'), names: ['hello'] }],
      thresholds: { root: { root: 2 } },
    })
    await writeFile(station.file(1), signPolicy(draft, roots))
    return station
  }

  secrets(count: number): string[] {
    return Array.from({ length: count }, () => ['--passphrase-file', join(keys, 'secret')]).flat()
  }

  run(command: Command, ...words: string[]): Promise<Answer> {
    return runCommand(this.cwd, command, words)
  }

  /** Version `to` after `to - 1`, signed by Rita and Rolf. */
  next(to: number, ...words: string[]): Promise<Answer> {
    return this.run(policyNext, '-o', `${to}.json`, '--from', `${to - 1}.json`, '--root', key('rita'), '--root', key('rolf'), ...this.secrets(2), ...words)
  }

  /** The same without its command, for what is about taking it. */
  async quick(to: number, floor: number): Promise<void> {
    const now = Date.now()
    const payload = nextPayload(await readPolicy(this.file(to - 1)), { created: instant(now), expires: instant(now + YEAR), floor: [{ kind: 'release', name: 'hello', sequence: floor }] })
    await writeFile(this.file(to), signPolicy(payload, [await privateKey('rita'), await privateKey('rolf')]))
  }

  file(version: number): string {
    return join(this.cwd, `${version}.json`)
  }

  /** A folder of a site whose card names version 1. */
  async site(t: TestContext): Promise<string> {
    const policy = await readPolicy(this.file(1))
    return siteFolder(t, { policy: readFileSync(this.file(1)), digest: policy.digest })
  }
}

/** Parts of a bundle that holds nothing yet. */
export async function bare(cwd: string) {
  return { store: new ContentStore(join(cwd, 'empty-store')), images: [], mirrors: [], iac: [], docs: [], evidence: [], installer: null }
}
