/**
 * The attacks that TUF names (theupdateframework.io, "Attacks and Weaknesses"; specification 1.0.33, section 1.5.2), on
 * media instead of a repository: real bundles, real policies, both verifiers. They agree on each, and on what is right.
 * Here those on who may say what is to be taken; those on what a bundle holds are in tuf-content.test.ts.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import assert from 'node:assert/strict'
import { newKey } from '../../src/bundle/keys.ts'
import { draftPolicy, type PolicyDraft } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { SITE, PLAN, FAR, victim, rita, rolf, alice, bob, aliceToo, mallory, usual, start, stop, fresh, draft, policy, next, release, both, importOf, approved } from './tuf-bench.ts'

before(start)
after(stop)

suite('2: rollback', () => {
  test('an older release than the policy asks for', async () => {
    const raised = policy({ floor: [{ kind: 'release', name: 'hello', sequence: 101 }] })
    await both({ directory: victim.pristine, policy: raised }, ['floor'])
    assert.deepEqual(await importOf(victim.pristine, raised), ['E_BELOW_FLOOR'])
  })
  test('an older release than the site remembers', () => both({ directory: victim.pristine, act: 'upgrade', floor: [{ kind: 'release', name: 'hello', sequence: 101 }] }, ['floor']))
  test('other content under a sequence that is known', () =>
    both({ directory: victim.pristine, known: [{ kind: 'release', name: 'hello', sequence: 100, digest: '0'.repeat(128) }] }, ['floor']))
  test('an older policy, after a newer one', async () => {
    const two = next(usual.policy, { revocations: [{ keyId: alice.keyId, at: '2026-11-30T00:00:00Z', reason: 'lost', keeps: [] }] })
    await both({ directory: victim.pristine, later: [two] }, ['trust'])
    await both({ directory: victim.pristine, later: [two, usual.policy] }, ['trust'])
    const three = next(two, {})
    await both({ directory: victim.pristine, later: [two, three] }, 'accepted')
    await both({ directory: victim.pristine, later: [two, three, two] }, ['trust'])
  })
})

suite('3: freeze', () => {
  test('a policy that nobody renewed ends what it allows', async () => {
    await both({ directory: victim.pristine, now: '2027-11-21T23:59:59Z' }, 'accepted')
    await both({ directory: victim.pristine, now: '2027-11-22T00:00:00Z' }, ['trust'])
  })
  test('a clock that was put back before the policy', async () => {
    await both({ directory: victim.pristine, now: '2026-11-21T00:00:00Z' }, 'accepted')
    await both({ directory: victim.pristine, now: '2026-11-20T23:59:59Z' }, ['trust'])
  })
  test('an approval that is over', async () => {
    const asks = policy({ thresholds: { install: { publisher: 1, accreditor: 1 } } })
    const directory = await approved({ expires: '2026-12-01T00:00:00Z' })
    await both({ directory, policy: asks, context: { siteDigest: SITE, planDigest: PLAN } }, ['trust'])
    await both({ directory, policy: asks, context: { siteDigest: SITE, planDigest: PLAN }, now: '2026-11-30T23:59:59Z' }, 'accepted')
  })
  test('an exception below the floor that is over', async () => {
    const exception = (expires: string) => policy({ floor: [{ kind: 'release', name: 'hello', sequence: 101 }], exceptions: [{ kind: 'release', name: 'hello', digest: victim.digest, expires, reason: 'x' }] })
    await both({ directory: victim.pristine, policy: exception('2026-12-02T00:00:00Z') }, 'accepted')
    await both({ directory: victim.pristine, policy: exception('2026-12-01T00:00:00Z') }, ['floor'])
  })
})

suite('5: a wrong name, or another place', () => {
  test('a bundle of a name that the key may not sign', async () => {
    const { directory } = await release({ name: 'mesh', upgradesFrom: [] })
    await both({ directory, act: 'import' }, ['trust'])
  })
  test('a bundle of another kind', async () => {
    const { directory } = await release({ kind: 'content' })
    await both({ directory, act: 'import' }, 'accepted')
    await both({ directory, act: 'install' }, ['trust'])
  })
  test('an approval for another site, act, bundle, plan or site.yaml', async () => {
    const asks = policy({ thresholds: { install: { publisher: 1, accreditor: 1 } } })
    const context = { siteDigest: SITE, planDigest: PLAN }
    await both({ directory: await approved({}), policy: asks, context }, 'accepted')
    for (const change of [{ site: 'other' }, { act: 'upgrade' as const }, { bundle: '3'.repeat(128) }, { planDigest: '3'.repeat(128) }, { siteDigest: '3'.repeat(128) }])
      await both({ directory: await approved(change), policy: asks, context }, ['trust'])
  })
  test('the policy of another site', async () => {
    await both({ directory: victim.pristine, policy: policy({ site: 'other' }), digest: acceptPolicy(readFileSync(usual.policy)).digest }, ['trust'])
    await both({ directory: victim.pristine, later: [next(usual.policy, { site: 'other' })] }, ['trust'])
  })
  test('a signature over another kind of document', async () => {
    // An approval that Alice signed stands in the place of a statement.
    const directory = await victim.copy()
    const from = await approved({}, alice)
    const [json = ''] = readdirSync(join(from, 'approvals')).filter((name) => name.endsWith('.json'))
    cpSync(join(from, 'approvals', json), join(directory, 'bundle.json'))
    for (const algorithm of ['mldsa87', 'p384']) cpSync(join(from, 'approvals', `${json.slice(0, 16)}.${alice.keyId}.${algorithm}.sig`), join(directory, `signatures/${alice.keyId}.${algorithm}.sig`))
    await both({ directory }, ['integrity'])
  })
})

suite('8: keys stolen below the threshold', () => {
  const two = { import: { publisher: 1 }, install: { publisher: 2 }, upgrade: { publisher: 2 } }
  test('one of two publishers', async () => {
    const { directory } = await release({ sequence: 101 }, [alice])
    await both({ directory, policy: policy({ thresholds: two }) }, ['trust'])
    await signBundle(directory, bob)
    await both({ directory, policy: policy({ thresholds: two }) }, 'accepted')
  })
  test('all publishers, and no accreditor', async () => {
    const asks = policy({ thresholds: { install: { publisher: 2, accreditor: 1 } } })
    const directory = await approved({}, alice)
    await signBundle(directory, bob)
    await both({ directory, policy: asks, context: { siteDigest: SITE, planDigest: PLAN } }, ['trust'])
  })
  test('an accreditor, and no publisher', async () => {
    const directory = await approved({})
    rmSync(join(directory, 'signatures'), { recursive: true })
    await both({ directory, context: { siteDigest: SITE, planDigest: PLAN } }, ['trust'])
  })
  test('one of two roots writes the next policy', async () => {
    const first = policy({ thresholds: { root: { root: 2 } } })
    const change: Partial<PolicyDraft> = { keys: [{ key: rita, names: [] }, { key: mallory, names: ['*'] }], thresholds: { root: { root: 1 } } }
    await both({ directory: victim.pristine, policy: first, later: [next(first, change, [rita])] }, ['trust'])
    const whole = next(first, { ...change, keys: [{ key: rita, names: [] }, { key: alice, names: ['hello'] }] }, [rita, rolf])
    await both({ directory: victim.pristine, policy: first, later: [whole] }, 'accepted')
  })
  test('one half of a key pair', async () => {
    for (const algorithm of ['mldsa87', 'p384']) {
      const directory = await victim.copy()
      rmSync(join(directory, `signatures/${alice.keyId}.${algorithm}.sig`))
      await both({ directory }, ['trust'])
    }
  })
})

suite('9: one person counts twice', () => {
  const two = { install: { publisher: 2 } }
  const withBoth = { keys: [...['rita', 'rolf'], 'alice', 'bob', 'aliceToo'] }
  const keysOf = () => [{ key: rita, names: [] }, { key: rolf, names: [] }, ...[alice, bob, aliceToo].map((key) => ({ key, names: ['hello'] }))]
  test('by two keys, the name written otherwise', async () => {
    assert.equal(keysOf().length, withBoth.keys.length)
    const { directory } = await release({ sequence: 101 }, [alice, aliceToo])
    const spelt = draftPolicy(draft({ keys: keysOf(), thresholds: two }))
    const path = fresh('policy')
    writeFileSync(path, signPolicy(spelt, [rita]))
    // Two spellings of one person are no policy at all.
    await both({ directory, policy: path }, ['trust'])
    const one = { ...spelt, persons: spelt.persons.filter((person) => person !== aliceToo.person), keys: spelt.keys.map((key) => ({ ...key, person: key.person === aliceToo.person ? alice.person : key.person })) }
    writeFileSync(path, signPolicy(one, [rita]))
    await both({ directory, policy: path }, ['trust'])
    await signBundle(directory, bob)
    await both({ directory, policy: path }, 'accepted')
  })
  test('by one key under two ids', async () => {
    const payload = draftPolicy(draft({ thresholds: two }))
    const [entry] = payload.keys.filter(({ keyId }) => keyId === alice.keyId)
    const path = fresh('policy')
    writeFileSync(path, signPolicy({ ...payload, keys: [...payload.keys, { ...(entry as (typeof payload.keys)[number]), keyId: '0123456789abcdef' }] }, [rita]))
    await both({ directory: victim.pristine, policy: path }, ['trust'])
  })
  test('by a copy of her signature under another id', async () => {
    const directory = await victim.copy()
    for (const algorithm of ['mldsa87', 'p384']) cpSync(join(directory, `signatures/${alice.keyId}.${algorithm}.sig`), join(directory, `signatures/${bob.keyId}.${algorithm}.sig`))
    await both({ directory, policy: policy({ thresholds: two }) }, ['trust'])
  })
  test('by two roots of one person', async () => {
    const again = await newKey('Rita Root', 'root')
    const keys = [{ key: rita, names: [] }, { key: again, names: [] }, { key: rolf, names: [] }, { key: alice, names: ['hello'] }]
    const first = policy({ keys, thresholds: { root: { root: 2 } } })
    await both({ directory: victim.pristine, policy: first, later: [next(first, { keys }, [rita, again])] }, ['trust'])
  })
})

suite('10: fast-forward', () => {
  test('the highest sequence there is: the policy excepts the right release afterwards, and revokes the key', async () => {
    const wild = await release({ sequence: FAR, version: '9.9.9' }, [alice])
    await both({ directory: wild.directory }, 'accepted')
    const floor = [{ kind: 'release' as const, name: 'hello', sequence: FAR }]
    const right = await release({ sequence: 101, version: '1.0.1' }, [bob])
    await both({ directory: right.directory, floor }, ['floor'])
    const two = next(usual.policy, {
      revocations: [{ keyId: alice.keyId, at: '2026-11-30T00:00:00Z', reason: 'stolen', keeps: [victim.digest] }],
      exceptions: [{ kind: 'release', name: 'hello', digest: right.digest, expires: '2027-06-01T00:00:00Z', reason: 'the sequence was driven up' }],
    })
    await both({ directory: right.directory, floor, later: [two] }, 'accepted')
    await both({ directory: wild.directory, floor, later: [two] }, ['trust'])
    await both({ directory: victim.pristine, later: [two] }, 'accepted')
  })
  test('a policy of a version far away', async () => {
    const { digest } = acceptPolicy(readFileSync(usual.policy))
    await both({ directory: victim.pristine, later: [policy({ previous: { version: FAR - 1, digest } })] }, ['trust'])
    await both({ directory: victim.pristine, later: [policy({ previous: { version: 2, digest } })] }, ['trust'])
  })
})
