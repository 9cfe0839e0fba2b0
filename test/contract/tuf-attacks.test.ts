/**
 * The attacks that TUF names (theupdateframework.io, "Attacks and Weaknesses"; specification 1.0.33, section 1.5.2), on
 * media instead of a repository: real bundles, real policies, both verifiers. They agree on each, and on what is right.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { writeApproval } from '../../src/bundle/approval-files.ts'
import { serialiseApproval, type ApprovalFields } from '../../src/bundle/approval.ts'
import type { BlobRef } from '../../src/bundle/digest.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { draftPolicy, type PolicyDraft } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle, type BundleParts } from '../../src/bundle/write.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { Victim } from '../unit/bundle-damage.ts'
import { CEILING, codesOf, FIELDS, NOW, partsIn } from '../unit/bundle-fixture.ts'
import { judge, type Question } from './damage.ts'
import { blobOf, forge, replaceBlob } from './forge.ts'
import { SecondVerifier } from './second-verifier.ts'

const SITE = '1'.repeat(128)
const PLAN = '2'.repeat(128)
const FAR = Number.MAX_SAFE_INTEGER

let victim: Victim
let second: SecondVerifier
let rita: PrivateKey
let rolf: PrivateKey
let alice: PrivateKey
let bob: PrivateKey
/** A second key of Alice, one of an accreditor, and one of somebody whom no policy knows. */
let aliceToo: PrivateKey
let olga: PrivateKey
let mallory: PrivateKey
let usual: Omit<Question, 'directory'>
let count = 0

before(async () => {
  victim = await Victim.make()
  ;({ root: rita, alice, bob } = victim.who)
  rolf = await newKey('Rolf Root', 'root')
  aliceToo = await newKey('ALICE  Example', 'publisher')
  olga = await newKey('Olga Officer', 'accreditor')
  mallory = await newKey('Mallory', 'publisher')
  second = await SecondVerifier.start()
  usual = { policy: policy({}), now: '2026-12-01T00:00:00Z', act: 'install' }
})
after(async () => {
  second.end()
  await victim.remove()
})

const fresh = (what: string): string => join(victim.root, `${what}-${count++}`)

function draft(change: Partial<PolicyDraft>): PolicyDraft {
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

function policy(change: Partial<PolicyDraft>, signers: readonly PrivateKey[] = [rita, rolf]): string {
  const path = fresh('policy')
  writeFileSync(path, signPolicy(draftPolicy(draft(change)), signers))
  return path
}

/** The version after the policy in a file. */
function next(path: string, change: Partial<PolicyDraft>, signers?: readonly PrivateKey[]): string {
  const { payload, digest } = acceptPolicy(readFileSync(path))
  return policy({ previous: { version: payload.version, digest }, ...change }, signers)
}

async function release(fields: Partial<BundleParts['fields']>, signers: readonly PrivateKey[] = [alice], change: Partial<BundleParts> = {}): Promise<{ directory: string; digest: string }> {
  const directory = fresh('release')
  const work = fresh('work')
  mkdirSync(work)
  const written = await writeBundle(directory, { ...(await partsIn(work)), ...change, fields: { ...FIELDS, ...fields } })
  for (const key of signers) await signBundle(directory, key)
  return { directory, digest: written.digest }
}

type Class = 'trust' | 'floor' | 'integrity'

async function both(question: Partial<Question> & { directory: string }, expected: 'accepted' | readonly Class[]): Promise<void> {
  const asked = { ...usual, ...question }
  const [mine, other] = [await judge(asked), await second.judge(asked)]
  const said = JSON.stringify([mine.reasons, other.reasons]).slice(0, 1000)
  assert.deepEqual(mine.classes, other.classes, said)
  assert.deepEqual(mine.classes, expected === 'accepted' ? [] : expected, said)
}

/** Taken over a set of volumes: the codes it is refused with. */
async function importOf(directory: string, path = usual.policy, key = alice): Promise<readonly string[]> {
  const out = fresh('set')
  const media = { name: 'tar', capacity: 50_000_000, optical: false, archive: false }
  const set = await packVolumes(directory, out, { media, protection: undefined, spares: 0, bases: [], key })
  const volumes = set.volumes.map((volume) => join(out, volume))
  return codesOf(importVolumes(volumes, { store: fresh('shelf'), policy: acceptPolicy(readFileSync(path)), now: NOW }))
}

test('0: what is right is accepted by both, and imported', async () => {
  await both({ directory: victim.pristine }, 'accepted')
  assert.deepEqual(await importOf(victim.pristine), [])
})

suite('1: arbitrary software', () => {
  test('a changed file', async () => {
    const directory = await victim.copy()
    writeFileSync(join(directory, 'docs/runbook.md'), '# Runbooc\n')
    await both({ directory }, ['integrity'])
  })
  test('a changed file, and SHA512SUMS to fit', async () => {
    const directory = fresh('forged')
    await forge(victim.pristine, directory, mallory, (one) => one.files.set('sallyport', Buffer.from('#!/bin/sh\nrm -rf /\n')))
    cpSync(join(victim.pristine, 'bundle.json'), join(directory, 'bundle.json'))
    rmSync(join(directory, 'signatures'), { recursive: true })
    cpSync(join(victim.pristine, 'signatures'), join(directory, 'signatures'), { recursive: true })
    await both({ directory }, ['integrity'])
  })
  test('all of it anew, signed by somebody else', async () => {
    const { directory } = await release({ sequence: 101 }, [mallory])
    await both({ directory }, ['trust'])
    assert.deepEqual((await importOf(directory, usual.policy, mallory)).length > 0, true)
  })
  test('all of it anew, with the signatures of another release', async () => {
    const { directory } = await release({ sequence: 101 }, [])
    cpSync(join(victim.pristine, 'signatures'), join(directory, 'signatures'), { recursive: true })
    await both({ directory }, ['trust'])
  })
  test('all of it anew, not signed', async () => {
    const { directory } = await release({ sequence: 101 }, [])
    await both({ directory }, ['trust'])
  })
  test('with a policy of the attacker, when the card names the right one', async () => {
    const { directory } = await release({ sequence: 101 }, [mallory])
    const forged = policy({ keys: [{ key: rita, names: [] }, { key: rolf, names: [] }, { key: mallory, names: ['*'] }] }, [rita])
    await both({ directory, policy: forged }, 'accepted')
    await both({ directory, policy: forged, digest: acceptPolicy(readFileSync(usual.policy)).digest }, ['trust'])
  })
})

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

async function approved(change: Partial<ApprovalFields>, key = olga): Promise<string> {
  const directory = await victim.copy()
  const usually: ApprovalFields = { bundle: victim.digest, site: 'demo', act: 'install', siteDigest: SITE, planDigest: PLAN, conditions: [], created: '2026-11-30T00:00:00Z', expires: '2026-12-14T00:00:00Z' }
  await writeApproval(join(directory, 'approvals'), serialiseApproval({ ...usually, ...change }), key)
  return directory
}

suite('4: mix and match', () => {
  test('parts of two releases that the same publisher signed', async () => {
    const other = await release({ sequence: 101, version: '1.0.1' }, [alice], { docs: [{ path: 'runbook.md', bytes: Buffer.from('# Other\n') }] })
    for (const path of ['bundle.json', 'SHA512SUMS', 'docs/runbook.md', 'signatures']) {
      const directory = await victim.copy()
      rmSync(join(directory, path), { recursive: true })
      cpSync(join(other.directory, path), join(directory, path), { recursive: true })
      await both({ directory }, path === 'bundle.json' || path === 'signatures' ? ['trust'] : ['integrity'])
    }
    const directory = await victim.copy()
    for (const path of ['bundle.json', 'signatures']) {
      rmSync(join(directory, path), { recursive: true })
      cpSync(join(other.directory, path), join(directory, path), { recursive: true })
    }
    await both({ directory }, ['integrity'])
  })
  test('two blobs of one size change places', async () => {
    const directory = await victim.copy()
    const [mirror] = (JSON.parse(readFileSync(join(directory, 'bundle.json'), 'utf8')) as { mirrors: { tree: BlobRef }[] }).mirrors
    const tree = JSON.parse(readFileSync(join(directory, 'blobs/sha256', mirror?.tree.sha256 ?? ''), 'utf8')) as { sha256: string; size: number }[]
    const [one, two] = tree.filter((entry) => entry.size === 11).map((entry) => join(directory, 'blobs/sha256', entry.sha256))
    assert.ok(one && two)
    renameSync(one, `${one}.aside`)
    renameSync(two, one)
    renameSync(`${one}.aside`, two)
    await both({ directory }, ['integrity'])
  })
  test('a volume of another set among these', async () => {
    const other = await release({ sequence: 101, version: '1.0.1' })
    const media = { name: 'tar', capacity: 50_000_000, optical: false, archive: false }
    const sets = []
    for (const directory of [victim.pristine, other.directory]) {
      const out = fresh('set')
      const { volumes } = await packVolumes(directory, out, { media, protection: undefined, spares: 1, bases: [], key: alice })
      sets.push(volumes.map((volume) => join(out, volume)))
    }
    const mixed = [sets[0]?.[0] ?? '', sets[1]?.[1] ?? '']
    const codes = await codesOf(importVolumes(mixed, { store: fresh('shelf'), policy: acceptPolicy(readFileSync(usual.policy)), now: NOW }))
    assert.ok(codes.length > 0)
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

suite('6: endless data', () => {
  const MB = 1 << 20
  const grown = { 'bundle.json': 1e12, SHA512SUMS: 1e12, 'docs/runbook.md': 1e12, sallyport: 1e12, 'README.txt': 1e12, 'oci-layout': 1e12, 'index.json': 1e12 }
  for (const [path, size] of Object.entries(grown)) {
    test(`${path} of a terabyte`, { timeout: 60_000 }, async () => {
      const directory = await victim.copy()
      truncateSync(join(directory, path), size)
      await both({ directory }, ['integrity'])
    })
  }
  test('each blob of a terabyte, one after the other', { timeout: 120_000 }, async () => {
    for (const name of readdirSync(join(victim.pristine, 'blobs/sha256'))) {
      const directory = await victim.copy()
      truncateSync(join(directory, 'blobs/sha256', name), 1e12)
      await both({ directory }, ['integrity'])
    }
  })
  test('a signature, or an approval, of a terabyte', { timeout: 60_000 }, async () => {
    const signature = await victim.copy()
    truncateSync(join(signature, `signatures/${alice.keyId}.p384.sig`), 1e12)
    await both({ directory: signature }, ['integrity'])
    const approval = await approved({})
    for (const name of readdirSync(join(approval, 'approvals'))) truncateSync(join(approval, 'approvals', name), 1e12)
    await both({ directory: approval }, ['integrity'])
  })
  test('more signatures, or approvals, than anybody needs', async () => {
    for (const [folder, many] of [['signatures', 65], ['approvals', 193]] as const) {
      const directory = await victim.copy()
      mkdirSync(join(directory, folder), { recursive: true })
      for (let index = 0; index < many; index++) writeFileSync(join(directory, folder, `${index.toString(16).padStart(16, '0')}.p384.sig`.replace('.p384', folder === 'approvals' ? `.${alice.keyId}.p384` : '.p384')), 'x')
      const [mine, other] = [await judge({ ...usual, directory }), await second.judge({ ...usual, directory })]
      assert.ok(mine.classes.length > 0 && other.classes.length > 0)
      assert.deepEqual(mine.classes, other.classes)
    }
  })
  test('a policy of 5 MiB', { timeout: 60_000 }, async () => {
    const path = fresh('policy')
    writeFileSync(path, '')
    truncateSync(path, 5 * MB)
    await both({ directory: victim.pristine, policy: path }, ['integrity'])
  })
})

suite('7: extraneous dependencies', () => {
  test('a file more on the medium', async () => {
    const directory = await victim.copy()
    writeFileSync(join(directory, 'setup.exe'), 'MZ')
    await both({ directory }, ['integrity'])
  })
  test('a blob more, which a hostile publisher lists and nothing refers to', async () => {
    const directory = fresh('forged')
    await forge(victim.pristine, directory, alice, (one) => void one.blobs.push(Buffer.from('stowaway')))
    await both({ directory }, ['integrity'])
  })
  test('a package that is not in the bundle', async () => {
    const directory = fresh('forged')
    await forge(victim.pristine, directory, alice, (one) => {
      const [mirror] = one.statement['mirrors'] as { tree: BlobRef }[]
      if (!mirror) return
      const [first, ...rest] = blobOf(one, mirror.tree) as { sha256: string }[]
      mirror.tree = replaceBlob(one, mirror.tree, Buffer.from(`${JSON.stringify([{ ...first, sha256: '0'.repeat(64) }, ...rest], null, 2)}\n`))
    })
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

suite('11: slow retrieval', () => {
  for (const path of ['bundle.json', 'SHA512SUMS', 'docs/runbook.md', `signatures/x`]) {
    test(`a pipe that never gives a byte in the place of ${path}`, { timeout: 60_000 }, async () => {
      const directory = await victim.copy()
      const place = path === 'signatures/x' ? `signatures/${alice.keyId}.p384.sig` : path
      rmSync(join(directory, place))
      execFileSync('mknod', [join(directory, place), 'p'])
      const [mine, other] = [await judge({ ...usual, directory }), await second.judge({ ...usual, directory })]
      assert.ok(mine.classes.length > 0)
      assert.deepEqual(mine.classes, other.classes, JSON.stringify([mine.reasons, other.reasons]))
    })
  }
})
