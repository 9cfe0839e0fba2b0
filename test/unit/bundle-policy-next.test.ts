/** Rotation and revocation offline: the next version of a policy by its commands. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import assert from 'node:assert/strict'
import { command as policyNext } from '../../src/cli/policy-next.ts'
import { command as policySign } from '../../src/cli/policy-sign.ts'
import { command as sitePolicy } from '../../src/cli/site-policy.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { codesOf, FIELDS } from './bundle-fixture.ts'
import { key, privateKey, idOf, Station, bare, makeKeys, removeKeys } from './policy-station.ts'

before(makeKeys)
after(removeKeys)

suite('the next version', () => {
  test('is signed by roots of both, one after the other and on their own machines', async (t) => {
    const station = await Station.make(t)
    const lone = await station.run(policyNext, '-o', '2.json', '--from', '1.json', '--root', key('rita'), ...station.secrets(1), '--add', `${key('bob')}.public`, '--names', 'hello')
    assert.equal(lone.value['sha512'], null)
    assert.match(lone.text, /not in force yet:\n {2}too few persons of the root of version 1 signed it\n {2}too few persons of the root of version 2/)
    const site = await station.site(t)
    assert.deepEqual(await codesOf(station.run(sitePolicy, '2.json', '--site', site)), ['E_POLICY_SIGNATURES'])
    assert.deepEqual(await codesOf(station.run(policySign, '2.json', '--from', '1.json', '--root', key('alice'), ...station.secrets(1))), ['E_USAGE'])
    const whole = await station.run(policySign, '2.json', '--from', '1.json', '--root', key('rolf'), ...station.secrets(1))
    assert.equal(whole.value['sha512'], (await readPolicy(station.file(2))).digest)
    assert.match(whole.said, /version 2, as it is to be signed[\s\S]*Bob Example: publisher, may sign hello/)
    const taken = await station.run(sitePolicy, '2.json', '--site', site)
    assert.deepEqual([taken.value['version'], taken.value['before'], taken.value['taken']], [2, 1, 1])
    assert.equal((await station.run(sitePolicy, '2.json', '--site', site)).value['taken'], 0)
  })

  test('names the version before by its digest, and keeps what is not changed', async (t) => {
    const station = await Station.make(t)
    await station.next(2, '--threshold', 'upgrade=publisher:1', '--floor', 'hello=90')
    const [one, two] = [await readPolicy(station.file(1)), await readPolicy(station.file(2))]
    assert.deepEqual([two.payload.version, two.payload.previous, two.payload.floor], [2, one.digest, [{ kind: 'release', name: 'hello', sequence: 90 }]])
    assert.deepEqual(two.payload.keys, one.payload.keys)
    assert.deepEqual(two.payload.thresholds.root, { root: 2 })
    await station.next(3, '--floor', 'hello=95', '--floor', 'advisory/hello=7')
    assert.deepEqual((await readPolicy(station.file(3))).payload.floor.map(({ kind, sequence }) => [kind, sequence]), [['release', 95], ['advisory', 7]])
  })

  test('roots are exchanged: the old ones let the new one in, and then have no say', async (t) => {
    const station = await Station.make(t)
    const alone = await station.next(2, '--add', `${key('ruth')}.public`, '--remove', await idOf('rolf'))
    // Version 2 asks for two of Rita and Ruth: Rolf's signature does not stand in for hers.
    assert.match(alone.text, /too few persons of the root of version 2/)
    await station.run(policySign, '2.json', '--from', '1.json', '--root', key('ruth'), ...station.secrets(1))
    const site = await station.site(t)
    await station.run(sitePolicy, '2.json', '--site', site)
    const old = await station.next(3)
    assert.match(old.text, /too few persons of the root of version 2/)
    assert.deepEqual(await codesOf(station.run(sitePolicy, '3.json', '--site', site)), ['E_POLICY_SIGNATURES'])
  })

  test('words that make no policy', async (t) => {
    const station = await Station.make(t)
    for (const words of [
      ['--add', `${key('bob')}.public`],
      ['--revoke', 'ffffffffffffffff', '--reason', 'x'],
      ['--revoke', await idOf('alice')],
      ['--keep', station.bundle],
      ['--floor', 'hello'],
      ['--floor', 'weapon/hello=1'],
      ['--except', station.bundle, '--reason', 'x'],
      ['--threshold', 'root=king:1'],
    ])
      assert.deepEqual(await codesOf(station.next(2, ...words)), ['E_USAGE'], words.join(' '))
    assert.deepEqual(await codesOf(station.next(2, '--threshold', 'root=root:3')), ['E_POLICY_INVALID'])
    assert.deepEqual(await codesOf(station.next(2, '--revoke', await idOf('rita'), '--reason', 'x')), ['E_POLICY_INVALID'])
    assert.deepEqual(await codesOf(station.next(2, '--ceiling', 'COSMIC')), ['E_POLICY_INVALID'])
    assert.deepEqual(readdirSync(station.cwd).filter((name) => name === '2.json'), [])
  })
})

suite('a revoked key', () => {
  test('counts no more, but over what runs and may be gone back to', async (t) => {
    const station = await Station.make(t)
    const alice = await idOf('alice')
    await station.next(2, '--revoke', alice, '--reason', 'token lost', '--keep', 'bundle')
    await station.run(verify, 'bundle', '--policy', '2.json', '--for', 'install')
    const later = await writeBundle(join(station.cwd, 'later'), { ...(await bare(station.cwd)), fields: { ...FIELDS, sequence: 101 } })
    await signBundle(later.directory, await privateKey('alice'))
    await station.run(verify, 'later', '--policy', '1.json')
    assert.deepEqual(await codesOf(station.run(verify, 'later', '--policy', '2.json')), ['E_KEY_REVOKED'])
    const named = await station.next(3, '--revoke', alice, '--reason', 'again', '--keep', later.digest)
    assert.equal(named.value['version'], 3)
    const { revocations } = (await readPolicy(station.file(3))).payload
    assert.deepEqual(revocations.map(({ reason, keeps }) => [reason, keeps]), [['token lost', [station.digest, later.digest]]])
    await station.run(verify, 'later', '--policy', '3.json')
  })

  test('and a key that is removed counts nowhere', async (t) => {
    const station = await Station.make(t)
    await station.next(2, '--add', `${key('bob')}.public`, '--names', 'hello', '--remove', await idOf('alice'))
    assert.deepEqual(await codesOf(station.run(verify, 'bundle', '--policy', '2.json')), ['E_KEY_UNKNOWN'])
    await signBundle(station.bundle, await privateKey('bob'))
    await station.run(verify, 'bundle', '--policy', '2.json')
  })

  test('an exception lets one bundle below the floor, until a date', async (t) => {
    const station = await Station.make(t)
    await station.next(2, '--floor', 'hello=101')
    assert.deepEqual(await codesOf(station.run(verify, 'bundle', '--policy', '2.json')), ['E_BELOW_FLOOR'])
    const until = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}`
    await station.next(3, '--except', 'bundle', '--until', until, '--reason', 'the new one loses data')
    await station.run(verify, 'bundle', '--policy', '3.json')
  })
})
