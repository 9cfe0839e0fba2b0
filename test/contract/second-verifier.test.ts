/* oxlint-disable typescript/no-explicit-any -- forged documents are of any shape */
/**
 * The second verifier (Python, written from docs/format.md) and ours agree: on acceptance and on the classes of each refusal.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { writeApproval } from '../../src/bundle/approval-files.ts'
import { serialiseApproval, type ApprovalFields } from '../../src/bundle/approval.ts'
import { sha512 } from '../../src/bundle/digest.ts'
import { newKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { draftPolicy, type PolicyDraft } from '../../src/bundle/policy-draft.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import type { PolicyPayload } from '../../src/bundle/policy.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { Victim } from '../unit/bundle-damage.ts'
import { CEILING } from '../unit/bundle-fixture.ts'
import { judge, type Question } from './damage.ts'
import { forge } from './forge.ts'
import { FORGERIES } from './forgeries.ts'
import { python, SecondVerifier } from './second-verifier.ts'

const GOLDEN = new URL('../golden/v1/', import.meta.url).pathname
const SITE = '1'.repeat(128)
const PLAN = '2'.repeat(128)
const SCRIPT = new URL('../second-verifier/verify.py', import.meta.url).pathname

let victim: Victim
let olga: PrivateKey
let second: SecondVerifier
let usual: Omit<Question, 'directory'>
let count = 0

before(async () => {
  victim = await Victim.make()
  olga = await newKey('Olga Officer', 'accreditor')
  second = await SecondVerifier.start()
  usual = { policy: policyFile({}), now: '2026-12-01T00:00:00Z', act: 'install' }
})
after(async () => {
  second.end()
  await victim.remove()
})

/** A policy's file over Alice, Bob and Olga, changed before and after it is signed. */
function policyFile(draft: Partial<PolicyDraft>, change: (payload: any) => void = () => {}, file = (text: string) => text): string {
  const { root, alice, bob } = victim.who
  const payload = draftPolicy({
    site: 'demo',
    created: '2026-11-22T00:00:00Z',
    expires: '2027-11-22T00:00:00Z',
    ceiling: CEILING,
    keys: [{ key: root, names: [] }, ...[alice, bob, olga].map((key) => ({ key, names: ['hello'] }))],
    ...draft,
  })
  change(payload)
  const path = join(victim.root, `policy-${count++}.json`)
  writeFileSync(path, file(signPolicy(payload as PolicyPayload, [root]).toString()))
  return path
}

async function agreed(question: Question, expected: 'accepted' | readonly string[] | 'refused'): Promise<void> {
  const [mine, other] = [await judge(question), await second.judge(question)]
  const said = JSON.stringify([mine.reasons, other.reasons]).slice(0, 1000)
  assert.deepEqual(mine.classes, other.classes, said)
  if (expected === 'refused') assert.ok(mine.classes.length > 0, 'both accepted it')
  else assert.deepEqual(mine.classes, expected === 'accepted' ? [] : expected, said)
}

test('as a program, on the golden bundle and on a changed one, without node', async () => {
  const words = ['--policy', join(GOLDEN, 'trust-policy.json'), '--for', 'install', '--now', '2026-12-01T00:00:00Z']
  const program = await python()
  const answer = execFileSync(program, [SCRIPT, join(GOLDEN, 'bundle'), ...words], { encoding: 'utf8', env: {} })
  assert.match(answer, /^accept faadb314/)
  const changed = join(victim.root, 'golden')
  cpSync(join(GOLDEN, 'bundle'), changed, { recursive: true })
  writeFileSync(join(changed, 'docs/runbook.md'), '# Runbooc\n')
  const ended = spawnSync(program, [SCRIPT, changed, ...words], { encoding: 'utf8', env: {} })
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [1, 'refuse integrity\n', 'docs/runbook.md is not what was signed\n'])
})

test('it is written in Python alone, without a line of ours', () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'test/second-verifier'], { encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(files.filter((path) => !/\.py$|requirements\.txt$/.test(path)), [])
  for (const path of files) assert.doesNotMatch(readFileSync(path, 'utf8'), /subprocess|node_modules|src\/bundle/)
})

suite('bundles that a publisher signed and that are not what the format says, and unusual ones that are', () => {
  for (const { name, good, change } of FORGERIES) {
    test(name, async () => {
      const directory = join(victim.root, `forged-${count++}`)
      await forge(victim.pristine, directory, victim.who.alice, change)
      await agreed({ ...usual, directory }, good ? 'accepted' : 'refused')
    })
  }
})

suite('what a policy decides', () => {
  const both = { publisher: 2 }
  const acts = (install: object) => ({ import: { publisher: 1 }, install, upgrade: { publisher: 1 } })
  const revoked = (keeps: string[]) => [{ keyId: victim.who.alice.keyId, at: '2026-11-30T00:00:00Z', reason: 'lost', keeps }]
  const exception = (expires: string) => [{ kind: 'release', name: 'hello', digest: victim.digest, expires, reason: 'x' }] as const
  const floor = [{ kind: 'release', name: 'hello', sequence: 101 }] as const
  const cases: Record<string, readonly [() => Partial<PolicyDraft>, Partial<Question>, 'accepted' | readonly string[]]> = {
    'all is well': [() => ({}), {}, 'accepted'],
    'a threshold of two': [() => ({ thresholds: acts(both) }), {}, ['trust']],
    'a role that nobody has': [() => ({ thresholds: acts({ site: 1 }) }), {}, ['trust']],
    'another act': [() => ({ thresholds: acts(both) }), { act: 'upgrade' }, 'accepted'],
    expired: [() => ({ expires: '2026-12-01T00:00:00Z' }), {}, ['trust']],
    'from tomorrow': [() => ({ created: '2026-12-02T00:00:00Z' }), {}, 'accepted'],
    'from the day after': [() => ({ created: '2026-12-02T00:00:01Z' }), {}, ['trust']],
    'a name that is not covered': [() => ({ keys: [{ key: victim.who.root, names: [] }, { key: victim.who.alice, names: ['hell', 'hello-*'] }] }), {}, ['trust']],
    'a name that a star covers': [() => ({ keys: [{ key: victim.who.root, names: [] }, { key: victim.who.alice, names: ['he*o'] }] }), {}, 'accepted'],
    revoked: [() => ({ revocations: revoked([]) }), {}, ['trust']],
    'revoked, but not this one': [() => ({ revocations: revoked([victim.digest]) }), {}, 'accepted'],
    'below the floor of the policy': [() => ({ floor }), {}, ['floor']],
    'at the floor': [() => ({ floor: [{ ...floor[0], sequence: 100 }] }), {}, 'accepted'],
    'below, but excepted': [() => ({ floor, exceptions: exception('2026-12-02T00:00:00Z') }), {}, 'accepted'],
    'the exception is over': [() => ({ floor, exceptions: exception('2026-12-01T00:00:00Z') }), {}, ['floor']],
    'below the floor of a memory': [() => ({}), { floor }, ['floor']],
    'known with other content': [() => ({}), { known: [{ kind: 'release', name: 'hello', sequence: 100, digest: '0'.repeat(128) }] }, ['floor']],
    'two classes at once': [() => ({ floor, thresholds: acts(both) }), {}, ['floor', 'trust']],
    'a lower ceiling': [() => ({ ceiling: { ...CEILING, level: 'UNCLASSIFIED' } }), {}, ['trust']],
    'another label policy': [() => ({ ceiling: { ...CEILING, policyVersion: '2' } }), {}, ['trust']],
    'the right digest': [() => ({}), { digest: 'filled' }, 'accepted'],
    'another digest': [() => ({}), { digest: '0'.repeat(128) }, ['trust']],
  }
  for (const [name, [draft, question, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const policy = policyFile(draft())
      const { digest } = question
      const payload = (JSON.parse(readFileSync(policy, 'utf8')) as { payload: string }).payload
      const pinned = digest === undefined ? {} : { digest: digest === 'filled' ? sha512(Buffer.from(payload)) : digest }
      await agreed({ ...usual, ...question, ...pinned, policy, directory: victim.pristine }, expected)
    })
  }
})

suite('policies that are none', () => {
  const changes: Record<string, (payload: any) => void> = {
    'of another type': (payload) => (payload.type = 'application/vnd.sallyport.bundle.v1+json'),
    'with a critical member': (payload) => (payload.critical = ['x']),
    'that asks nobody': (payload) => (payload.thresholds.import = {}),
    'that asks a role that is none': (payload) => (payload.thresholds.import = { boss: 1 }),
    'whose root asks publishers': (payload) => (payload.thresholds.root = { publisher: 1 }),
    'whose root asks more than there are': (payload) => (payload.thresholds.root = { root: 2 }),
    'that ends before it begins': (payload) => (payload.expires = payload.created),
    'version 2 after nothing': (payload) => (payload.version = 2),
    'a key id of other keys': (payload) => (payload.keys[1].keyId = '0123456789abcdef'),
    'a key of no person': (payload) => (payload.keys[1].person = 'Mallory'),
    'a person twice in other letters': (payload) => payload.persons.push('ALICE  EXAMPLE'),
    'one key under two ids': (payload) => payload.keys.push({ ...payload.keys[1], keyId: '0123456789abcdef' }),
    'one key twice': (payload) => payload.keys.push(payload.keys[1]),
    'the keys exchanged': (payload) => ([payload.keys[1].mldsa87, payload.keys[1].p384] = [payload.keys[1].p384, payload.keys[1].mldsa87]),
    'a key with a line more': (payload) => (payload.keys[1].p384 += '\n'),
    'two stars': (payload) => (payload.keys[1].names = ['*a*']),
    'a level of the ceiling that is none': (payload) => (payload.ceiling.level = 'COSMIC'),
    'the root revoked': (payload) => (payload.revocations = [{ keyId: payload.keys[0].keyId, at: payload.created, reason: 'x', keeps: [] }]),
    'a record with an unknown member': (payload) => (payload.keys[1].admin = true),
  }
  for (const [name, change] of Object.entries(changes))
    test(name, () => agreed({ ...usual, policy: policyFile({}, change), directory: victim.pristine }, 'refused'))

  const files: Record<string, (text: string) => string> = {
    'not JSON': () => 'policy',
    'not strict': (text) => text.replace('{\n', '{ \n'),
    'with a changed payload': (text) => text.replace('2027-11-22', '2028-11-22'),
    'base64 without padding': (text) => text.replace(/=+"/, '"'),
    // An ML-DSA-87 signature has one byte more than a multiple of three: of its last letter, two bits count.
    'base64 with bits left over': (text) => text.replace(/[AQgw]==/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}==`),
    'without signatures': (text) => serialise({ ...(JSON.parse(text) as object), signatures: [] }).toString(),
    'with one of two signatures': (text) => {
      const file = JSON.parse(text) as { signatures: unknown[] }
      return serialise({ ...file, signatures: file.signatures.slice(1) }).toString()
    },
  }
  for (const [name, file] of Object.entries(files))
    test(name, () => agreed({ ...usual, policy: policyFile({}, () => {}, file), directory: victim.pristine }, 'refused'))
  test('and with an unknown member of the payload it is one', () =>
    agreed({ ...usual, policy: policyFile({}, (payload) => (payload.later = 1)), directory: victim.pristine }, 'accepted'))
})

suite('approvals', () => {
  const good: Omit<ApprovalFields, 'bundle'> = {
    site: 'demo',
    act: 'install',
    siteDigest: SITE,
    planDigest: PLAN,
    conditions: [],
    created: '2026-11-30T00:00:00Z',
    expires: '2026-12-14T00:00:00Z',
  }
  const context = { siteDigest: SITE, planDigest: PLAN }
  const cases: Record<string, readonly [Partial<ApprovalFields>, Partial<Question>, 'accepted' | 'refused']> = {
    'of this plan': [{}, { context }, 'accepted'],
    'without a plan at hand': [{ planDigest: '3'.repeat(128) }, {}, 'accepted'],
    'of another plan': [{ planDigest: '3'.repeat(128) }, { context }, 'refused'],
    'of another site.yaml': [{ siteDigest: '3'.repeat(128) }, { context }, 'refused'],
    'of another site': [{ site: 'other' }, { context }, 'refused'],
    'of another act': [{ act: 'upgrade' }, { context }, 'refused'],
    'of another bundle': [{ bundle: '3'.repeat(128) }, { context }, 'refused'],
    'on its last second': [{}, { context, now: '2026-12-13T23:59:59Z' }, 'accepted'],
    'after its end': [{}, { context, now: '2026-12-14T00:00:00Z' }, 'refused'],
    'a day before its beginning': [{}, { context, now: '2026-11-29T00:00:00Z' }, 'accepted'],
    'earlier still': [{}, { context, now: '2026-11-28T23:59:59Z' }, 'refused'],
  }
  const asks = () => policyFile({ thresholds: { import: { publisher: 1 }, install: { publisher: 1, accreditor: 1 }, upgrade: { publisher: 1 } } })
  for (const [name, [change, question, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const directory = await victim.copy()
      await writeApproval(join(directory, 'approvals'), serialiseApproval({ ...good, bundle: victim.digest, ...change }), olga)
      await agreed({ ...usual, policy: asks(), directory, ...question }, expected)
    })
  }
  test('none, by a stranger, by a signature over the bundle, with bytes changed, with something beside it', async () => {
    const policy = asks()
    await agreed({ ...usual, policy, context, directory: victim.pristine }, ['trust'])
    const signed = await victim.copy()
    await signBundle(signed, olga)
    await agreed({ ...usual, policy, context, directory: signed }, ['trust'])
    const foreign = await victim.copy()
    const bytes = serialiseApproval({ ...good, bundle: victim.digest })
    await writeApproval(join(foreign, 'approvals'), bytes, await newKey('Nobody', 'accreditor'))
    await agreed({ ...usual, policy, context, directory: foreign }, ['trust'])
    await writeApproval(join(foreign, 'approvals'), bytes, olga)
    await agreed({ ...usual, policy, context, directory: foreign }, 'accepted')
    writeFileSync(join(foreign, 'approvals/note.txt'), 'hello')
    await agreed({ ...usual, policy, context, directory: foreign }, ['trust'])
    for (const strange of [serialise({ type: 'x' }), serialise({ ...(JSON.parse(bytes.toString()) as object), critical: ['x'] })]) {
      const directory = await victim.copy()
      await writeApproval(join(directory, 'approvals'), strange, olga)
      await agreed({ ...usual, policy, context, directory }, ['integrity'])
    }
  })
})
