import assert from 'node:assert/strict'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { SignedApproval } from '../../src/bundle/approval-files.ts'
import { writeApproval } from '../../src/bundle/approval-files.ts'
import { approvalId, serialiseApproval, type ApprovalFields } from '../../src/bundle/approval.ts'
import { decide } from '../../src/bundle/decide.ts'
import { judgeApprovals } from '../../src/bundle/judge-approvals.ts'
import { judgeSignatures } from '../../src/bundle/judge-signatures.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { signBundle, type VerifyOptions } from '../../src/bundle/verify.ts'
import { Victim } from './bundle-damage.ts'
import { codesOf, NOW, policyOf } from './bundle-fixture.ts'

const SITE = '1'.repeat(128)
const PLAN = '2'.repeat(128)
const AT_HAND = { approving: { siteDigest: SITE, planDigest: PLAN }, act: 'install' } as const
const ONE_EACH = { publisher: 1, accreditor: 1 }

let victim: Victim
let olga: PrivateKey
let otto: PrivateKey
let policy: Policy
before(async () => {
  victim = await Victim.make()
  olga = await newKey('Olga Officer', 'accreditor')
  otto = await newKey('Otto Officer', 'accreditor')
  policy = policyOf({
    root: victim.who.root,
    keys: [victim.who.alice, victim.who.bob, olga, otto],
    thresholds: { import: { publisher: 1 }, install: ONE_EACH, upgrade: ONE_EACH },
  })
})
after(() => victim.remove())

function fields(change: Partial<ApprovalFields> = {}): ApprovalFields {
  return {
    bundle: victim.digest,
    site: 'demo',
    act: 'install',
    siteDigest: SITE,
    planDigest: PLAN,
    conditions: ['Only in building 7'],
    created: '2026-11-30T00:00:00Z',
    expires: '2026-12-14T00:00:00Z',
    ...change,
  }
}

async function approved(directory: string, key: PrivateKey, change: Partial<ApprovalFields> = {}): Promise<string> {
  const bytes = serialiseApproval(fields(change))
  await writeApproval(join(directory, 'approvals'), bytes, key)
  return approvalId(bytes)
}

const codes = (directory: string, options: Partial<VerifyOptions> = {}) =>
  codesOf(victim.verify(directory, { policy, ...AT_HAND, ...options }))

suite('approvals', () => {
  test('install asks for one, and this one counts', async () => {
    assert.deepEqual(await codes(victim.pristine), ['E_THRESHOLD'])
    const directory = await victim.copy()
    const id = await approved(directory, olga)
    const bundle = await victim.verify(directory, { policy, ...AT_HAND })
    assert.deepEqual(bundle.approvals.map((one) => [one.id, one.signers.map(({ person }) => person), one.conditions]), [[id, ['Olga Officer'], ['Only in building 7']]])
    await signBundle(directory, victim.who.bob)
    await victim.verify(directory, { policy, ...AT_HAND })
  })

  test("an accreditor's signature over bundle.json is no approval", async () => {
    const directory = await victim.copy()
    await signBundle(directory, olga)
    assert.deepEqual(await codes(directory), ['E_THRESHOLD'])
  })

  test('one for something else does not count, and says for what it is', async () => {
    for (const [change, what] of [
      [{ bundle: '3'.repeat(128) }, 'bundle'],
      [{ site: 'other' }, 'site'],
      [{ act: 'upgrade' }, 'act'],
      [{ siteDigest: '3'.repeat(128) }, 'site.yaml'],
      [{ planDigest: '3'.repeat(128) }, 'plan'],
    ] as const) {
      const directory = await victim.copy()
      const id = await approved(directory, olga, change)
      await assert.rejects(victim.verify(directory, { policy, ...AT_HAND }), (error: { detail: { codes: string[]; faults: string[] } }) => {
        assert.deepEqual(error.detail.codes, ['E_APPROVAL_OTHER', 'E_THRESHOLD'])
        assert.ok(error.detail.faults.some((fault) => fault.includes(`approval ${id} is for another ${what}`)), error.detail.faults.join())
        return true
      })
    }
  })

  test('only within its dates', async () => {
    const directory = await victim.copy()
    await approved(directory, olga)
    for (const [now, expected] of [
      ['2026-12-13T23:59:59Z', []],
      ['2026-12-14T00:00:00Z', ['E_APPROVAL_EXPIRED', 'E_THRESHOLD']],
      ['2026-11-29T00:00:00Z', []],
      ['2026-11-28T23:59:59Z', ['E_APPROVAL_EXPIRED', 'E_THRESHOLD']],
    ] as const)
      assert.deepEqual(await codes(directory, { now: new Date(now) }), expected, now)
  })

  test('without a plan at hand any plan counts; while it is made none is asked for; of a release that ran the dates do not matter', async () => {
    const directory = await victim.copy()
    await approved(directory, olga, { planDigest: '3'.repeat(128) })
    assert.deepEqual(await codes(directory, { approving: 'named' }), [])
    assert.deepEqual(await codes(victim.pristine, { approving: 'later' }), [])
    const late = new Date('2027-06-01T00:00:00Z')
    assert.deepEqual(await codes(directory, { approving: 'past', act: 'upgrade', now: late }), [])
    assert.deepEqual(await codes(directory, { approving: 'named', now: late }), ['E_APPROVAL_EXPIRED', 'E_THRESHOLD'])
    const revoked = policyOf({
      root: victim.who.root,
      keys: [victim.who.alice, olga],
      thresholds: { import: { publisher: 1 }, install: ONE_EACH, upgrade: ONE_EACH },
      revocations: [{ keyId: olga.keyId, at: '2026-12-01T00:00:00Z', reason: 'left', keeps: [] }],
    })
    assert.deepEqual(await codes(directory, { policy: revoked, approving: 'past' }), ['E_KEY_REVOKED', 'E_THRESHOLD'])
  })

  test('an approval of an import may leave site and plan open', async () => {
    const asks = policyOf({ root: victim.who.root, keys: [victim.who.alice, olga], thresholds: { import: ONE_EACH } })
    const directory = await victim.copy()
    await approved(directory, olga, { act: 'import', siteDigest: null, planDigest: null })
    assert.deepEqual(await codes(directory, { policy: asks, act: 'import' }), [])
    assert.throws(() => serialiseApproval(fields({ planDigest: null })), { code: 'E_APPROVAL_INVALID' })
    assert.throws(() => serialiseApproval(fields({ expires: '2026-11-30T00:00:00Z' })), { code: 'E_APPROVAL_INVALID' })
  })

  test('a changed one refuses the bundle; one by a stranger, or in half, does not count', async () => {
    const directory = await victim.copy()
    const id = await approved(directory, olga)
    const folder = join(directory, 'approvals')
    const signature = join(folder, `${id}.${olga.keyId}.p384.sig`)
    await rename(signature, `${directory}.aside`)
    assert.deepEqual(await codes(directory), ['E_SIGNATURE_PARTIAL', 'E_THRESHOLD'])
    await writeFile(signature, Buffer.alloc(100, 1))
    assert.deepEqual(await codes(directory), ['E_SIGNATURE_INVALID', 'E_THRESHOLD'])
    await rename(`${directory}.aside`, signature)
    await approved(directory, victim.who.alice)
    assert.deepEqual(await codes(directory), [])
    await rm(folder, { recursive: true })
    await approved(directory, await newKey('Nobody', 'accreditor'))
    assert.deepEqual(await codes(directory), ['E_KEY_UNKNOWN', 'E_THRESHOLD'])
    await approved(directory, victim.who.alice)
    assert.deepEqual(await codes(directory), ['E_KEY_UNKNOWN', 'E_THRESHOLD'])
  })

  test('what may not stand in approvals/', async () => {
    const directory = await victim.copy()
    const id = await approved(directory, olga)
    const folder = join(directory, 'approvals')
    const document = await readFile(join(folder, `${id}.json`))
    for (const name of ['note.txt', `${id}.json.sig`, `${'f'.repeat(16)}.json`, `${'f'.repeat(16)}.${olga.keyId}.p384.sig`]) {
      await writeFile(join(folder, name), document.subarray(0, 100))
      assert.deepEqual(await codes(directory), ['E_APPROVAL_FILE'], name)
      await rm(join(folder, name))
    }
    await writeFile(join(folder, `${id}.json`), `${document.toString().trimEnd()} \n`)
    assert.deepEqual(await codes(directory), ['E_APPROVAL_FILE'])
    await rm(join(folder, `${id}.json`))
    assert.deepEqual(await codes(directory), ['E_APPROVAL_FILE'])
    assert.equal((await readdir(folder)).length, 2)
  })

  test('what an accreditor signed and nobody understands refuses the bundle', async () => {
    const good = JSON.parse(serialiseApproval(fields()).toString()) as object
    for (const [bytes, code] of [
      [serialise({ ...good, act: 'burn' }), 'E_APPROVAL_INVALID'],
      [serialise({ ...good, critical: ['denial'] }), 'E_CRITICAL_UNKNOWN'],
      [serialise({ ...good, formatVersion: 2 }), 'E_FORMAT_UNKNOWN'],
      [Buffer.from(JSON.stringify(good)), 'E_JSON_STRICT'],
    ] as const) {
      const directory = await victim.copy()
      await writeApproval(join(directory, 'approvals'), bytes, olga)
      assert.deepEqual(await codes(directory), [code])
    }
  })

  test('a statement that an accreditor signed elsewhere is no approval, and the other way round', async () => {
    const directory = await victim.copy()
    await writeApproval(join(directory, 'approvals'), await readFile(join(directory, 'bundle.json')), olga)
    assert.deepEqual(await codes(directory), ['E_FORMAT_UNKNOWN'])
    const other = await victim.copy()
    const bytes = serialiseApproval(fields())
    await writeFile(join(other, 'bundle.json'), bytes)
    await writeSignatures(other, victim.who.alice.keyId, signBytes(bytes, victim.who.alice))
    assert.deepEqual(await codes(other), ['E_FORMAT_UNKNOWN'])
  })
})

test('k of n persons, over the whole matrix of signers and approvers', async () => {
  const publishers = [victim.who.alice, victim.who.bob, await newKey('Carol Example', 'publisher')]
  const accreditors = [olga, otto, await newKey('Oona Officer', 'accreditor')]
  // Second keys of persons who have one: they must never count as somebody else.
  const again = [await newKey('Alice Example', 'publisher'), await newKey('Olga Officer', 'accreditor')]
  const bundle = await readFile(join(victim.pristine, 'bundle.json'))
  const text = serialiseApproval(fields())
  const pairs = new Map([...publishers, ...accreditors, ...again].map((key) => [key.keyId, signBytes(key.role === 'publisher' ? bundle : text, key)]))
  const signatures = (keys: readonly PrivateKey[]) => new Map(keys.map((key) => [key.keyId, pairs.get(key.keyId) ?? {}]))
  const subsets = <T>(all: readonly T[]) => Array.from({ length: 1 << all.length }, (_, mask) => all.filter((_item, index) => mask & (1 << index)))
  let accepted = 0
  let refused = 0
  for (const signed of subsets([...publishers, again[0] as PrivateKey])) {
    for (const approvers of subsets([...accreditors, again[1] as PrivateKey])) {
      const approvals: SignedApproval[] = [{ id: approvalId(text), bytes: text, signatures: signatures(approvers) }]
      const all = policyOf({ root: victim.who.root, keys: [...publishers, ...accreditors, ...again] })
      const findings = judgeSignatures(all, bundle, victim.digest, signatures(signed))
      const given = judgeApprovals(all, victim.digest, approvals, { ...AT_HAND, now: NOW })
      const persons = (keys: readonly PrivateKey[]) => new Set(keys.map((key) => key.person)).size
      for (const asked of [1, 2, 3]) {
        for (const approving of [0, 1, 2, 3]) {
          const install = { publisher: asked, ...(approving > 0 ? { accreditor: approving } : {}) }
          const held = { ...all, payload: { ...all.payload, thresholds: { ...all.payload.thresholds, install } } }
          const reasons = decide(held, victim.statement, victim.digest, findings, { ...AT_HAND, now: NOW }, given)
          const enough = persons(signed) >= asked && persons(approvers) >= approving
          assert.equal(reasons.length === 0, enough, `${asked} and ${approving}: ${signed.map((key) => key.keyId).join()} / ${approvers.map((key) => key.keyId).join()}`)
          if (enough) accepted += 1
          else refused += 1
        }
      }
    }
  }
  assert.deepEqual([accepted + refused, accepted > 500, refused > 500], [16 * 16 * 12, true, true])
})
