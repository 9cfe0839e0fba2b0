/** What the attacks of TUF are tried on: a bundle that Alice signed, a policy of two roots, persons with keys. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { writeApproval } from '../../src/bundle/approval-files.ts'
import { serialiseApproval, type ApprovalFields } from '../../src/bundle/approval.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { draftPolicy, type PolicyDraft } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle, type BundleParts } from '../../src/bundle/write.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { Victim } from '../unit/bundle-damage.ts'
import { CEILING, codesOf, NOW, partsIn, FIELDS } from '../unit/bundle-fixture.ts'
import { judge, type Question } from './damage.ts'
import { SecondVerifier } from './second-verifier.ts'

export const SITE = '1'.repeat(128)
export const PLAN = '2'.repeat(128)
export const FAR = Number.MAX_SAFE_INTEGER

export let victim: Victim
export let second: SecondVerifier
export let rita: PrivateKey
export let rolf: PrivateKey
export let alice: PrivateKey
export let bob: PrivateKey
/** A second key of Alice, one of an accreditor, and one of somebody whom no policy knows. */
export let aliceToo: PrivateKey
export let olga: PrivateKey
export let mallory: PrivateKey
export let usual: Omit<Question, 'directory'>
let count = 0

/** Before all tests of a file. */
export async function start(): Promise<void> {
  victim = await Victim.make()
  ;({ root: rita, alice, bob } = victim.who)
  rolf = await newKey('Rolf Root', 'root')
  aliceToo = await newKey('ALICE  Example', 'publisher')
  olga = await newKey('Olga Officer', 'accreditor')
  mallory = await newKey('Mallory', 'publisher')
  second = await SecondVerifier.start()
  usual = { policy: policy({}), now: '2026-12-01T00:00:00Z', act: 'install' }
}

export async function stop(): Promise<void> {
  second.end()
  await victim.remove()
}

export const fresh = (what: string): string => join(victim.root, `${what}-${count++}`)

export function draft(change: Partial<PolicyDraft>): PolicyDraft {
  const names = ['hello']
  return {
    site: 'demo',
    created: '2026-11-22T00:00:00Z',
    expires: '2027-11-22T00:00:00Z',
    ceiling: CEILING,
    keys: [{ key: rita, names: [] }, { key: rolf, names: [] }, ...[alice, bob, olga].map((key) => ({ key, names }))],
    ...change,
  }
}

export function policy(change: Partial<PolicyDraft>, signers: readonly PrivateKey[] = [rita, rolf]): string {
  const path = fresh('policy')
  writeFileSync(path, signPolicy(draftPolicy(draft(change)), signers))
  return path
}

/** The version after the policy in a file. */
export function next(path: string, change: Partial<PolicyDraft>, signers?: readonly PrivateKey[]): string {
  const { payload, digest } = acceptPolicy(readFileSync(path))
  return policy({ previous: { version: payload.version, digest }, ...change }, signers)
}

export async function release(fields: Partial<BundleParts['fields']>, signers: readonly PrivateKey[] = [alice], change: Partial<BundleParts> = {}): Promise<{ directory: string; digest: string }> {
  const directory = fresh('release')
  const work = fresh('work')
  mkdirSync(work)
  const written = await writeBundle(directory, { ...(await partsIn(work)), ...change, fields: { ...FIELDS, ...fields } })
  for (const key of signers) await signBundle(directory, key)
  return { directory, digest: written.digest }
}

type Class = 'trust' | 'floor' | 'integrity'

export async function both(question: Partial<Question> & { directory: string }, expected: 'accepted' | readonly Class[]): Promise<void> {
  const asked = { ...usual, ...question }
  const [mine, other] = [await judge(asked), await second.judge(asked)]
  const said = JSON.stringify([mine.reasons, other.reasons]).slice(0, 1000)
  assert.deepEqual(mine.classes, other.classes, said)
  assert.deepEqual(mine.classes, expected === 'accepted' ? [] : expected, said)
}

/** Taken over a set of volumes: the codes it is refused with. */
export async function importOf(directory: string, path = usual.policy, key = alice): Promise<readonly string[]> {
  const out = fresh('set')
  const media = { name: 'tar', capacity: 50_000_000, optical: false, archive: false }
  const set = await packVolumes(directory, out, { media, protection: undefined, spares: 0, bases: [], key })
  const volumes = set.volumes.map((volume) => join(out, volume))
  return codesOf(importVolumes(volumes, { store: fresh('shelf'), policy: acceptPolicy(readFileSync(path)), now: NOW }))
}

/** A copy of the bundle with an approval, usually one that counts. */
export async function approved(change: Partial<ApprovalFields>, key = olga): Promise<string> {
  const directory = await victim.copy()
  const usually: ApprovalFields = { bundle: victim.digest, site: 'demo', act: 'install', siteDigest: SITE, planDigest: PLAN, conditions: [], created: '2026-11-30T00:00:00Z', expires: '2026-12-14T00:00:00Z' }
  await writeApproval(join(directory, 'approvals'), serialiseApproval({ ...usually, ...change }), key)
  return directory
}
