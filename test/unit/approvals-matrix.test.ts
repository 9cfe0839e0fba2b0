/** k of n persons: every k up to n, for every n up to five, and every way in which a person may have approved or not. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SignedApproval } from '../../src/bundle/approval-files.ts'
import { approvalId, serialiseApproval } from '../../src/bundle/approval.ts'
import { decide } from '../../src/bundle/decide.ts'
import { judgeApprovals } from '../../src/bundle/judge-approvals.ts'
import { judgeSignatures } from '../../src/bundle/judge-signatures.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { signBytes, type SignaturePair } from '../../src/bundle/signature.ts'
import { Victim } from './bundle-damage.ts'
import { NOW, policyOf } from './bundle-fixture.ts'

const MOST = 5
const SITE = '1'.repeat(128)
const PLAN = '2'.repeat(128)
const ACT = { act: 'install', approving: { siteDigest: SITE, planDigest: PLAN }, now: NOW } as const

interface State {
  readonly what: string
  readonly counts: boolean
  readonly signed?: readonly ('first' | 'second')[]
  readonly revoked?: 'first'
  readonly kept?: true
  readonly over?: true
}

/** What a person did; each has two keys. `counts`: whether that makes one person more. */
const STATES: readonly State[] = [
  { what: 'nothing', counts: false },
  { what: 'approved', counts: true, signed: ['first'] },
  { what: 'approved with the second key', counts: true, signed: ['second'] },
  { what: 'approved with both keys', counts: true, signed: ['first', 'second'] },
  { what: 'approved, and the key was revoked', counts: false, signed: ['first'], revoked: 'first' },
  { what: 'approved with both, and one was revoked', counts: true, signed: ['first', 'second'], revoked: 'first' },
  { what: 'approved, and the key was revoked but for this bundle', counts: true, signed: ['first'], revoked: 'first', kept: true },
  { what: 'approved until a day that is over', counts: false, signed: ['first'], over: true },
]

/** Every way to give `count` persons a state; which person has which does not matter to a number of persons. */
function ways(count: number, from = 0): State[][] {
  if (count === 0) return [[]]
  return STATES.slice(from).flatMap((state, index) => ways(count - 1, from + index).map((rest) => [state, ...rest]))
}

test('k of n persons, for every k and n up to five: two keys, revoked, kept, expired', async (t) => {
  const victim = await Victim.make()
  t.after(() => victim.remove())
  const persons: Record<'first' | 'second', PrivateKey>[] = []
  for (let index = 0; index < MOST; index += 1) persons.push({ first: await newKey(`Officer ${index}`, 'accreditor'), second: await newKey(`Officer ${index}`, 'accreditor') })
  const fields = { bundle: victim.digest, site: 'demo', act: 'install', siteDigest: SITE, planDigest: PLAN, conditions: [], created: '2026-11-23T00:00:00Z', expires: '2027-06-01T00:00:00Z' } as const
  const now = serialiseApproval(fields)
  const over = serialiseApproval({ ...fields, expires: '2026-11-24T00:00:00Z' })
  const pairs = new Map<PrivateKey, { now: SignaturePair; over: SignaturePair }>()
  for (const key of persons.flatMap(({ first, second }) => [first, second])) pairs.set(key, { now: signBytes(now, key), over: signBytes(over, key) })
  const policy = policyOf({ root: victim.who.root, keys: [victim.who.alice, ...pairs.keys()] })
  const statement = await readFile(join(victim.pristine, 'bundle.json'))
  const findings = judgeSignatures(policy, statement, victim.digest, new Map([[victim.who.alice.keyId, signBytes(statement, victim.who.alice)]]))
  const seen = new Set<string>()
  let decisions = 0
  for (let n = 1; n <= MOST; n += 1) {
    for (const states of ways(n)) {
      const signed = (which: 'now' | 'over') => new Map(states.flatMap((state, index) => (Boolean(state.over) === (which === 'over') ? (state.signed ?? []).map((name) => [persons[index]?.[name].keyId ?? '', pairs.get(persons[index]?.[name] as PrivateKey)?.[which] ?? {}] as const) : [])))
      const approvals: SignedApproval[] = [[now, 'now'] as const, [over, 'over'] as const].map(([bytes, which]) => ({ id: approvalId(bytes), bytes, signatures: signed(which) }))
      const revocations = states.flatMap((state, index) => (state.revoked ? [{ keyId: persons[index]?.[state.revoked].keyId ?? '', at: '2026-11-24T00:00:00Z', reason: 'a test', keeps: state.kept ? [victim.digest] : [] }] : []))
      const payload = { ...policy.payload, revocations }
      const given = judgeApprovals({ ...policy, payload }, victim.digest, approvals, ACT)
      const count = states.filter((state) => state.counts).length
      for (let k = 1; k <= n; k += 1) {
        const held = { ...policy, payload: { ...payload, thresholds: { ...payload.thresholds, install: { publisher: 1, accreditor: k } } } }
        const reasons = decide(held, victim.statement, victim.digest, findings, ACT, given)
        const said = `${k} of ${n}: ${states.map(({ what }) => what).join('; ')}: ${reasons.map(({ code }) => code).join(', ')}`
        assert.equal(reasons.length === 0, count >= k, said)
        assert.equal(reasons.some(({ code }) => code === 'E_THRESHOLD'), count < k, said)
        seen.add(`${k} of ${n}, ${count >= k ? 'taken' : 'refused'}`)
        decisions += 1
      }
    }
  }
  assert.equal(decisions, 8 + 2 * 36 + 3 * 120 + 4 * 330 + 5 * 792)
  assert.equal(seen.size, 2 * 15)
})
