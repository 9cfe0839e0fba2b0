import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import { sha512 } from '../../src/bundle/digest.ts'
import { readFile } from 'node:fs/promises'
import type { DepotState, Release } from '../../src/enclave/depot/state.ts'
import { raise, seen } from '../../src/enclave/floor/floors.ts'
import { keepManifest } from '../../src/enclave/floor/memory.ts'
import { hostPaths, releaseId } from '../../src/enclave/paths.ts'
import { planRollback } from '../../src/enclave/plan/make.ts'
import { missingParts } from '../../src/enclave/engine/backup-places.ts'
import { assertMayGoBack, type RollbackFacts } from '../../src/enclave/rollback/rule.ts'
import { bundleIn, NOW, people, policyOf, temporary, type People } from './bundle-fixture.ts'
import { contextOf, siteOf } from './enclave-fixture.ts'

const PEOPLE: Promise<People> = people()
const NEW: Release = { kind: 'release', name: 'hello', version: '1.1.0', sequence: 110, digest: 'e'.repeat(128) }

/** A site on which 1.1.0 replaced the signed 1.0.0, with the backup made then. */
async function upgraded(t: TestContext) {
  const { root, alice } = await PEOPLE
  const host = await temporary(t)
  const paths = hostPaths(host)
  const { directory, digest } = await bundleIn(await temporary(t), [alice])
  await keepManifest(paths, digest, directory)
  const old: Release = { kind: 'release', name: 'hello', version: '1.0.0', sequence: 100, digest }
  const state: DepotState = {
    formatVersion: 1,
    site: 'demo',
    running: NEW,
    previous: { release: old, backup: 'b-1', replacedAt: '2026-11-30T00:00:00Z' },
    floors: raise(seen(old, true), seen(NEW, true)),
  }
  const backupDirectory = join(host, 'backups')
  await mkdir(join(backupDirectory, 'b-1'), { recursive: true })
  const site = siteOf({ backup: { directory: backupDirectory, keep: 3 } })
  const plan = (from: DepotState = state) =>
    planRollback({ site, siteDigest: 'f', policy: 'p', floors: {}, state: from, nginx: true, files: {}, secrets: [] }, [releaseId(old)])
  const context = contextOf({ paths, id: '0', plan: plan(), site })
  const parts = (backup: string) => missingParts(context, backup)
  const facts: RollbackFacts = { state, memory: state.floors, policy: policyOf({ root, keys: [alice] }), now: NOW, missingParts: parts }
  return { paths, facts, plan, old, backupDirectory }
}

async function refused(work: Promise<void>): Promise<string> {
  try {
    await work
    return ''
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.code, 'E_ROLLBACK_REFUSED')
    return error.detail.faults?.join('\n') ?? ''
  }
}

test('a site goes back to the release that ran directly before', async (t) => {
  const { paths, facts, plan } = await upgraded(t)
  assert.equal(await refused(assertMayGoBack(paths, plan(), facts)), '')
})

test('a depot that is an old copy does not go back', async (t) => {
  const { paths, facts, plan } = await upgraded(t)
  const memory = raise(facts.memory, seen({ ...NEW, sequence: 120, digest: 'a'.repeat(128) }, true))
  assert.match(await refused(assertMayGoBack(paths, plan(), { ...facts, memory })), /remembers sequence 120.*old copy/)
})

test('the policy in force has the last word: its floor, and its revocations', async (t) => {
  const { paths, facts, plan, old } = await upgraded(t)
  const { root, alice } = await PEOPLE
  const { payload } = facts.policy
  const changed = (change: object): Policy => ({ ...facts.policy, payload: { ...payload, ...change } })
  const floor = changed({ floor: [{ kind: 'release', name: 'hello', sequence: 105 }] })
  assert.match(await refused(assertMayGoBack(paths, plan(), { ...facts, policy: floor })), /E_BELOW_FLOOR/)
  const revocation = { keyId: alice.keyId, at: '2026-11-29T00:00:00Z', reason: 'lost', keeps: [] as string[] }
  const revoked = changed({ revocations: [revocation] })
  assert.match(await refused(assertMayGoBack(paths, plan(), { ...facts, policy: revoked })), /E_KEY_REVOKED/)
  const kept = changed({ revocations: [{ ...revocation, keeps: [old.digest] }] })
  assert.equal(await refused(assertMayGoBack(paths, plan(), { ...facts, policy: kept })), '', 'a digest named in the revocation stays valid')
  assert.ok(root)
})

test('without the backup, or with another record than the plan, there is no way back', async (t) => {
  const { paths, facts, plan, backupDirectory, old } = await upgraded(t)
  const made = plan()
  const other = { ...facts.state, previous: { release: { ...old, digest: 'c'.repeat(128) }, backup: 'b-1', replacedAt: '' } }
  assert.match(await refused(assertMayGoBack(paths, made, { ...facts, state: other })), /directly before/)
  await rm(join(backupDirectory, 'b-1'), { recursive: true })
  assert.match(await refused(assertMayGoBack(paths, made, facts)), /backup .*b-1 is not there/)
})

test('after a break the release that ran is put back, although the floor stands where it stood', async (t) => {
  const { paths, facts, plan, old } = await upgraded(t)
  const { previous: _none, ...rest } = facts.state
  const state: DepotState = { ...rest, running: old, broken: { backup: 'b-1', replacedAt: '2026-11-30T00:00:00Z' } }
  assert.equal(await refused(assertMayGoBack(paths, plan(state), { ...facts, state })), '')
  assert.equal(sha512(await readFile(join(paths.manifests, old.digest, 'bundle.json'))), old.digest)
})
