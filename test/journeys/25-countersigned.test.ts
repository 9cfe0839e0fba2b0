/** Custody and countersigning where they count: a site without a network that asks two accreditors before anything runs. */
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { readPublicKey } from '../../src/bundle/keys.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import { hostNamed, labDown, labList, labRun, labUp, type Lab } from '../../src/lab/lab.ts'
import { clamscan, definitionsIn, EICAR } from '../unit/clamav.ts'
import { approve, at, bundle, by, change, forged, made, make, makeSite, planned, refusal, SITE, type Made, type Name } from './shared/countersigning.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'

const NAME = `${TEST_LAB_PREFIX}countersigned`
const LOG = at('custody.jsonl')

interface Status {
  readonly running?: { readonly version: string }
  readonly floors: Readonly<Record<string, { readonly sequence: number }>>
}

describe('two of three accreditors, on a disconnected host', () => {
  let lab: Lab
  let policyDigest = ''
  let digests: Made['digests'] = {}
  let plan = ''
  const apart = at('paper')

  before(async () => {
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
    ;({ policyDigest, digests } = await make())
    lab = await labUp({ name: NAME, hosts: 1 })
    await makeSite(lab, policyDigest)
  })
  after(() => labDown(NAME))

  const idOf = async (name: Name): Promise<string> => (await readPublicKey(made('keys', `${name}.public`))).keyId
  const status = async (): Promise<Status> => (await succeed(['status', '--site', SITE])).result as Status
  const onHost = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, 'h1'), line)
    assert.equal(code, 0, `${line}: ${stdout}${stderr}`)
    return stdout
  }
  /** Version of the policy that the host itself keeps, where nothing is ever taken back. */
  const kept = async (): Promise<number> => {
    const { payload } = JSON.parse(await onHost('cat /var/lib/sallyport-host/policy.json')) as { payload: string }
    return (JSON.parse(payload) as { version: number }).version
  }
  /** A copy of the folder with Olga's approval, for one more beside it. */
  const beside = async (name: string): Promise<string> => {
    await cp(apart, at(name), { recursive: true })
    return at(name)
  }

  test('a crossing is scanned and logged by two persons, one with a key in a token; a medium with a finding is refused', async () => {
    const definitions = definitionsIn(at('definitions'))
    const record = (medium: string, serial: string) =>
      sallyport([
        ...['custody', 'record', medium, '--log', LOG, '--serial', serial, '--from', 'low side', '--to', 'site demo', '--scanner', clamscan(), '--definitions', definitions],
        ...[...by('alice', '--hands-over'), ...by('olga', '--takes')],
      ])
    const crossed = await record(bundle('1.0.0'), 'BD-0042')
    assert.equal(crossed.exit, 0, crossed.stderr)
    const entry = crossed.result as { outcome: string; carried: { sha512: string }; scan: { result: string; scanner: string }; head: string }
    assert.deepEqual([entry.outcome, entry.carried.sha512, entry.scan.result], ['crossed', digests['1.0.0'], 'clean'])
    assert.match(entry.scan.scanner, /^ClamAV /)
    await mkdir(at('stick'))
    await writeFile(at('stick/letter.txt'), EICAR)
    const found = refusal(await record(at('stick'), 'USB-7'))
    assert.deepEqual([found.code, found.exit], ['E_CUSTODY_FOUND', 5])
    const verified = (await succeed(['custody', 'verify', LOG, '--policy', made('1.json'), '--head', entry.head])).result
    assert.deepEqual({ ...(verified as object), head: '' }, { entries: 2, refused: 1, head: '' })
    const shown = (await succeed(['custody', 'show', LOG])).result as { outcome: string; medium: { serial: string }; persons: { person: string }[] }[]
    assert.deepEqual(shown.map(({ outcome, medium }) => [outcome, medium.serial]), [['crossed', 'BD-0042'], ['refused', 'USB-7']])
    assert.deepEqual(shown[0]?.persons.map(({ person }) => person), ['Alice Example', 'Olga Officer'])
  })

  test('without approvals nothing runs: the refusal says what is wanting, and the host is as it was', async () => {
    plan = await planned('1.0.0')
    const { code, exit, expected, found, message } = refusal(await change('install', '1.0.0', plan))
    assert.deepEqual([code, exit, expected, found], ['E_THRESHOLD', 5, '2 with the role accreditor', 'none'])
    assert.match(message, /install asks for 2 persons with the role accreditor who approved it/)
    assert.equal(await onHost('ls /var/lib/sallyport /etc/sallyport 2>/dev/null | wc -l'), '0')
  })

  let first = ''
  test('one of two is refused, and so is the same person with another key', async () => {
    first = await approve('olga', '1.0.0', plan, apart, made('1.json'))
    const one = refusal(await change('install', '1.0.0', plan, apart))
    assert.deepEqual([one.code, one.found], ['E_THRESHOLD', 'Olga Officer'])
    const both = await beside('olga-twice')
    await approve('olga-too', '1.0.0', plan, both, made('1.json'))
    const two = refusal(await change('install', '1.0.0', plan, both))
    assert.equal(two.code, 'E_PERSON_TWICE')
    assert.ok(two.faults?.some((text) => text.startsWith('E_THRESHOLD')), two.faults?.join('\n'))
  })

  const others = [
    ['another site', { site: 'elsewhere' }, /for another site/],
    ['another bundle', { bundle: 'a'.repeat(128) }, /for another bundle/],
    ['another site.yaml', { siteDigest: 'b'.repeat(128) }, /for another site\.yaml/],
    ['another plan', { planDigest: 'c'.repeat(128) }, /for another plan/],
    ['another act', { act: 'upgrade' }, /for another act/],
    ['a time that is over', { created: '2020-01-01T00:00:00Z', expires: '2020-01-15T00:00:00Z' }, /ended on 2020-01-15/],
  ] as const
  for (const [what, changed, words] of others)
    test(`a second approval for ${what} does not count`, async () => {
      const folder = await beside(`forged-${what.replaceAll(/[^a-z]/g, '-')}`)
      await forged(folder, first, folder, changed)
      const { exit, faults = [] } = refusal(await change('install', '1.0.0', plan, folder))
      assert.equal(exit, 5)
      assert.ok(faults.some((text) => words.test(text)) && faults.some((text) => text.startsWith('E_THRESHOLD')), faults.join('\n'))
    })

  test('a line of site.yaml that changes after approval asks for another one', async () => {
    const folder = await beside('both')
    await approve('otto', '1.0.0', plan, folder, made('1.json'))
    const file = `${SITE}/site.yaml`
    const right = await readFile(file, 'utf8')
    await writeFile(file, `${right}# one more line\n`)
    const again = await planned('1.0.0')
    const { faults = [] } = refusal(await change('install', '1.0.0', again, folder))
    await writeFile(file, right)
    assert.ok(faults.some((text) => /for another site\.yaml/.test(text)), faults.join('\n'))
    plan = await planned('1.0.0')
  })

  test('the policy changes offline, by both roots: what a revoked accreditor approved counts no more', async () => {
    const next = ['policy', 'next', '-o', at('2.json'), '--from', made('1.json'), '--policy-digest', policyDigest, '--revoke', await idOf('otto'), '--reason', 'left the service']
    const half = (await succeed([...next, ...by('rita', '--root')])).result as { missing: string[] }
    assert.equal(half.missing.length > 0, true)
    assert.notEqual((await sallyport(['site', 'policy', at('2.json'), '--site', SITE])).exit, 0)
    await succeed(['policy', 'sign', at('2.json'), '--from', made('1.json'), ...by('rolf', '--root')])
    await succeed(['site', 'policy', at('2.json'), '--site', SITE])
    // The plan names the policy: that of the old one is stale, whoever approved it.
    assert.equal(refusal(await change('install', '1.0.0', plan, at('both'))).code, 'E_PLAN_STALE')
    plan = await planned('1.0.0')
    await rm(apart, { recursive: true })
    first = await approve('olga', '1.0.0', plan, apart, at('2.json'))
    const folder = await beside('revoked')
    await forged(folder, first, folder, {})
    const { found, faults = [] } = refusal(await change('install', '1.0.0', plan, folder))
    assert.ok(faults.some((text) => text.startsWith('E_KEY_REVOKED')), faults.join('\n'))
    assert.ok(faults.some((text) => text.startsWith('E_THRESHOLD')), `${found} ${faults.join('\n')}`)
  })

  test('with two it is installed, and what was approved stands beside the release on the host', async () => {
    await approve('oona', '1.0.0', plan, apart, at('2.json'))
    const ended = await change('install', '1.0.0', plan, apart)
    assert.equal(ended.exit, 0, ended.stderr)
    const { running } = await status()
    assert.deepEqual([running?.version, await kept()], ['1.0.0', 2])
    const files = await onHost(`find /var/lib/sallyport /var/lib/sallyport-host -name '${first}*' | wc -l`)
    assert.ok(Number(files) >= 3, `approval ${first} is kept in ${files} files`)
  })

  test('an upgrade asks again; a rollback target stays valid when the keys that signed it are revoked', async () => {
    plan = await planned('1.1.0')
    assert.ok((refusal(await change('upgrade', '1.1.0', plan, apart)).faults ?? []).some((text) => text.startsWith('E_THRESHOLD')))
    const folder = at('upgrade')
    for (const name of ['olga', 'oona'] as const) await approve(name, '1.1.0', plan, folder, at('2.json'))
    const upgraded = await change('upgrade', '1.1.0', plan, folder)
    assert.equal(upgraded.exit, 0, upgraded.stderr)

    const revoked = (await Promise.all((['alice', 'olga'] as const).map(idOf))).flatMap((id) => ['--revoke', id])
    const keeps = ['--keep', bundle('1.0.0'), '--keep', digests['1.1.0'] ?? '']
    await succeed(['policy', 'next', '-o', at('3.json'), '--from', at('2.json'), ...revoked, '--reason', 'tokens lost', ...keeps, '--add', made('keys/alice-new.public'), '--names', 'hello', ...by('rita', '--root'), ...by('rolf', '--root')])
    await succeed(['site', 'policy', at('3.json'), '--site', SITE])
    assert.equal((await sallyport(['site', 'policy', at('2.json'), '--site', SITE])).exit, 0)
    const back = await sallyport(['rollback', '--site', SITE, '--yes', '--ca-passphrase-file', made('secret')])
    assert.equal(back.exit, 0, back.stderr)
    const { running, floors } = await status()
    assert.deepEqual([running?.version, await kept()], ['1.0.0', 3])
    assert.equal(floors['release/hello']?.sequence, 110)
  })
})
