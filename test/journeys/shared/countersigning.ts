import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { writeApproval } from '../../../src/bundle/approval-files.ts'
import { serialiseApproval, type ApprovalFields } from '../../../src/bundle/approval.ts'
import { newKey, readPrivateKey, writeKey } from '../../../src/bundle/keys.ts'
import { fingerprint } from '../../../src/demo/enclave.ts'
import { sallyport, succeed, type Ended } from '../../../src/demo/sallyport.ts'
import { newAuthority } from '../../../src/enclave/pki/authority.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { newTokenKey } from '../../../src/token/key.ts'
import { MODULE, PIN, SoftTokens, useTokens } from '../../unit/softhsm.ts'
import type { FaultRecord } from '../../../src/enclave/engine/journal.ts'
import { at as inWorkshop } from './workshop.ts'

const SECRET = 'several words of a test'
/** What is made once, and below it what the journey writes. */
export const made = (...parts: string[]): string => inWorkshop('countersigned', ...parts)
export const at = (...parts: string[]): string => made('journey', ...parts)
export const bundle = (version: string): string => made(`hello-${version}`)
export const SITE = at('site')
const secret = ['--passphrase-file', made('secret')]

/** Who signs here. Olga's key lies in a token; she has another one in files. */
const PEOPLE = {
  rita: ['Rita Root', 'root'],
  rolf: ['Rolf Root', 'root'],
  alice: ['Alice Example', 'publisher'],
  /** After the first was lost. */
  'alice-new': ['Alice Example', 'publisher'],
  olga: ['Olga Officer', 'accreditor'],
  'olga-too': ['Olga Officer', 'accreditor'],
  otto: ['Otto Officer', 'accreditor'],
  oona: ['Oona Officer', 'accreditor'],
} as const
export type Name = keyof typeof PEOPLE

/** The words that sign with the key of a person. */
export const by = (name: Name, option = '--key'): string[] => [option, made('keys', name), ...secretsOf(name)]
export const secretsOf = (name: Name): string[] => (name === 'olga' ? [...secret, '--pin-file', made('pin')] : secret)

/** Keys, one of them in a token, and a policy that asks two accreditors for what runs. Returns the policy's digest. */
async function makeTrust(): Promise<string> {
  await mkdir(made('keys'), { recursive: true })
  await writeFile(made('secret'), `${SECRET}\n`, { mode: 0o600 })
  await writeFile(made('pin'), `${PIN}\n`, { mode: 0o600 })
  const tokens = new SoftTokens(made())
  tokens.add('officer')
  tokens.key('officer', 'olga', '01')
  for (const [name, [person, role]] of Object.entries(PEOPLE)) {
    const folder = made('keys', name)
    const one = name === 'olga' ? await newTokenKey(person, role, `pkcs11:token=officer;object=olga?module-path=${MODULE}`, async () => PIN) : await newKey(person, role)
    await writeKey(folder, one, SECRET)
    await writeKey(`${folder}.public`, one, null)
  }
  const half = (name: Name): string => made('keys', `${name}.public`)
  const { result } = await succeed([
    ...['policy', 'new', '-o', made('1.json'), '--site', 'demo', '--names', 'hello'],
    ...[...by('rita', '--root'), ...by('rolf', '--root'), '--publisher', half('alice')],
    ...(['olga', 'olga-too', 'otto', 'oona'] as const).flatMap((name) => ['--accreditor', half(name)]),
    ...['root=root:2', 'import=publisher:1', 'install=publisher:1', 'install=accreditor:2', 'upgrade=publisher:1', 'upgrade=accreditor:2'].flatMap((text) => ['--threshold', text]),
  ])
  return (result as { sha512: string }).sha512
}

/** A release of one file and the installer, signed by Alice; it needs nothing from upstream. Returns its digest. */
async function release(version: string, sequence: number, from: number | undefined): Promise<string> {
  const definition = made(`definition-${version}`)
  await mkdir(definition)
  await writeFile(join(definition, 'note.txt'), `this is ${version}\n`)
  const text = stringify({
    ...{ apiVersion: 'sallyport/v1', kind: 'release', name: 'hello', version, sequence },
    marking: { level: 'UNCLASSIFIED' },
    targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
    upgradesFrom: from === undefined ? [] : [{ name: 'hello', minSequence: from, maxSequence: from }],
    mirrors: [{ name: 'files', ecosystem: 'file', files: [{ from: 'note.txt', path: 'note.txt' }] }],
  })
  await writeFile(join(definition, 'bundle.yaml'), text)
  await succeed(['build', definition, '-o', bundle(version)])
  const { result } = await succeed(['sign', bundle(version), ...by('alice')])
  return (result as { sha512: string }).sha512
}

export interface Made {
  readonly policyDigest: string
  /** sha512 of bundle.json by version. */
  readonly digests: Readonly<Record<string, string>>
}

/** Keys, policy and two releases, made once a run; what the journey writes itself is taken away. */
export async function make(): Promise<Made> {
  const whole = made('made.json')
  if (!existsSync(whole)) {
    await rm(made(), { recursive: true, force: true })
    const policyDigest = await makeTrust()
    const digests = { '1.0.0': await release('1.0.0', 100, undefined), '1.1.0': await release('1.1.0', 110, 100) }
    await writeFile(whole, JSON.stringify({ policyDigest, digests }))
  }
  useTokens(made())
  await rm(at(), { recursive: true, force: true })
  await mkdir(at())
  return JSON.parse(await readFile(whole, 'utf8')) as Made
}

/** The folder of a site whose one host is a depot, with the organisation's certificates. */
export async function makeSite(lab: Lab, policyDigest: string): Promise<void> {
  const authority = await newAuthority(at('pki'), { organisation: 'Countersigned', passphrase: SECRET, now: new Date() })
  const [host] = lab.hosts
  await succeed([
    ...['site', 'init', SITE, '--name', 'demo', '--domain', 'demo.example', '--roles', 'h1=depot'],
    ...['--host', `h1=${host?.address}`, '--host-key', `h1=${fingerprint(host?.hostKeys[0] ?? '')}`, '--identity', lab.identity],
    ...['--policy', made('1.json'), '--policy-digest', policyDigest],
    ...['--ca', authority.root, '--issuing', authority.issuing, '--issuing-key', authority.issuingKey],
  ])
}

/** A plan for a bundle, written to be reviewed. */
export async function planned(version: string): Promise<string> {
  const file = at(`plan-${version}.json`)
  await succeed(['plan', bundle(version), '--site', SITE, '-o', file])
  return file
}

/** By the bundle's own executable: exactly the plan that was reviewed. */
export function change(verb: 'install' | 'upgrade', version: string, plan: string, approvals?: string): Promise<Ended> {
  const apart = approvals === undefined ? [] : ['--approvals', approvals]
  return sallyport([verb, bundle(version), '--site', SITE, '--plan', plan, ...apart, '--ca-passphrase-file', made('secret')], { executable: join(bundle(version), 'sallyport') })
}

/** What a command was refused with; it fails when it was not. */
export function refusal(ended: Ended): FaultRecord {
  assert.notEqual(ended.exit, 0, 'it was not refused')
  const line = ended.stderr.trimEnd().split('\n').findLast((one) => one.includes('"error"')) ?? '{}'
  return (JSON.parse(line) as { error: FaultRecord }).error
}

/** Approves into `folder`, by the bundle's own executable; returns the approval's id. */
export async function approve(name: Name, version: string, plan: string, folder: string, policy: string): Promise<string> {
  const words = ['approve', bundle(version), '--policy', policy, '--plan', plan, ...by(name), '-o', folder]
  const { result } = await succeed(words, { executable: join(bundle(version), 'sallyport') })
  return (result as { id: string }).id
}

/** An approval that no command writes: that of `id` in `folder`, changed, and signed by Otto beside it in `target`. */
export async function forged(folder: string, id: string, target: string, changed: Partial<ApprovalFields>): Promise<void> {
  const { type: _type, formatVersion: _version, critical: _critical, ...fields } = JSON.parse(await readFile(join(folder, `${id}.json`), 'utf8')) as ApprovalFields & Record<string, unknown>
  await writeApproval(target, serialiseApproval({ ...fields, ...changed }), await readPrivateKey(made('keys/otto'), SECRET))
}
