/** A site and its hosts take newer policies, one after the other, and never go back. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import assert from 'node:assert/strict'
import { command as policyNext } from '../../src/cli/policy-next.ts'
import { command as sitePolicy } from '../../src/cli/site-policy.ts'
import { walkPolicies } from '../../src/bundle/policy-chain.ts'
import { readPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { nextPayload } from '../../src/bundle/policy-next.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { build } from '../../src/connected/build/build.ts'
import { takePolicy } from '../../src/enclave/depot/import.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { readSiteFiles } from '../../src/enclave/station/site-files.ts'
import { codesOf, temporary, FIELDS } from './bundle-fixture.ts'
import { key, privateKey, Station, bare, makeKeys, removeKeys } from './policy-station.ts'

before(makeKeys)
after(removeKeys)

suite('a site', () => {
  test('takes newer policies in their order, keeps site.yaml as it is, and refuses an older one', async (t) => {
    const station = await Station.make(t)
    const site = await station.site(t)
    const text = readFileSync(join(site, 'site.yaml'), 'utf8')
    const first = await readSiteFiles(site)
    await station.quick(2, 90)
    await station.quick(3, 91)
    assert.deepEqual(await codesOf(station.run(sitePolicy, '3.json', '--site', site)), ['E_POLICY_CHAIN'], 'a version is missing')
    await station.run(sitePolicy, '2.json', '3.json', '--site', site)
    const files = await readSiteFiles(site)
    assert.deepEqual([files.policy.payload.version, files.digest], [3, first.digest])
    assert.equal(readFileSync(join(site, 'site.yaml'), 'utf8'), text)
    assert.deepEqual(readdirSync(join(site, 'trust-policies')).toSorted(), ['2.json', '3.json'])
    // The same version with another payload, an older one under its own name, and a version of another past.
    const other = await Station.make(t)
    await other.quick(2, 92)
    for (const path of [other.file(1), other.file(2)]) assert.deepEqual(await codesOf(station.run(sitePolicy, path, '--site', site)), ['E_POLICY_CHAIN'])
    assert.equal((await station.run(sitePolicy, '2.json', '--site', site)).value['taken'], 0)
    assert.equal((await readSiteFiles(site)).policy.payload.version, 3)
  })

  test('takes none of several when one is wrong, and none that is over', async (t) => {
    const station = await Station.make(t)
    const site = await station.site(t)
    await station.quick(2, 92)
    writeFileSync(station.file(3), 'no policy')
    assert.deepEqual(await codesOf(station.run(sitePolicy, '2.json', '3.json', '--site', site)), ['E_JSON_STRICT'])
    assert.equal((await readSiteFiles(site)).policy.payload.version, 1)
    const current = await readPolicy(station.file(1))
    const over = nextPayload(current, { created: '2020-01-01T00:00:00Z', expires: '2020-12-01T00:00:00Z' })
    writeFileSync(join(station.cwd, 'over.json'), signPolicy(over, [await privateKey('rita'), await privateKey('rolf')]))
    assert.deepEqual(await codesOf(station.run(sitePolicy, 'over.json', '--site', site)), ['E_POLICY_EXPIRED'])
    await station.run(policyNext, '-o', 'low.json', '--from', '1.json', '--root', key('rita'), '--root', key('rolf'), ...station.secrets(2), '--ceiling', 'UNCLASSIFIED')
    assert.deepEqual(await codesOf(station.run(sitePolicy, 'low.json', '--site', site)), ['E_CEILING'])
  })

  test('whose folder was altered is not read', async (t) => {
    const station = await Station.make(t)
    const site = await station.site(t)
    await station.quick(2, 92)
    await station.quick(3, 93)
    await station.run(sitePolicy, '2.json', '3.json', '--site', site)
    const altered: Record<string, [(folder: string) => void, string]> = {
      'a version is gone': [(folder) => writeFileSync(join(folder, '2.json'), readFileSync(station.file(3))), 'E_POLICY_CHAIN'],
      'something else stands there': [(folder) => writeFileSync(join(folder, 'note.txt'), ''), 'E_SITE_INVALID'],
      'a byte is another': [(folder) => writeFileSync(join(folder, '3.json'), readFileSync(station.file(3), 'utf8').replace('"version\\": 3', '"version\\": 4')), 'E_POLICY_CHAIN'],
    }
    for (const [name, [change, code]] of Object.entries(altered)) {
      const copy = join(await temporary(t), 'site')
      await cp(site, copy, { recursive: true })
      change(join(copy, 'trust-policies'))
      assert.ok((await codesOf(readSiteFiles(copy))).includes(code), name)
    }
  })

  test('takes them from a small bundle of kind trust, and no older such bundle', async (t) => {
    const station = await Station.make(t)
    const site = await station.site(t)
    await station.quick(2, 90)
    await station.quick(3, 91)
    const trust = async (sequence: number, versions: readonly number[], kind: 'trust' | 'content' = 'trust') => {
      const store = new ContentStore(join(station.cwd, 'store'))
      const entries = await Promise.all(versions.map(async (version) => ({ path: `${version}.json`, ...(await store.putFile(station.file(version))) })))
      const directory = join(station.cwd, `${kind}-${sequence}`)
      await writeBundle(directory, { ...(await bare(station.cwd)), store, fields: { ...FIELDS, kind, sequence, upgradesFrom: [] }, mirrors: [{ name: 'trust-policies', ecosystem: 'file', entries }] })
      await signBundle(directory, await privateKey('alice'))
      return directory
    }
    const [first, second] = [await trust(1, [2]), await trust(2, [2, 3])]
    assert.deepEqual(await codesOf(station.run(sitePolicy, await trust(3, [2, 3], 'content'), '--site', site)), ['E_KIND_ACT'])
    const taken = await station.run(sitePolicy, second, '--site', site)
    assert.deepEqual([taken.value['version'], taken.value['taken']], [3, 2])
    assert.deepEqual(await codesOf(station.run(sitePolicy, first, '--site', site)), ['E_BELOW_FLOOR'])
    assert.equal((await readSiteFiles(site)).policy.payload.version, 3)
  })

  test('takes them from a bundle that build made of a definition of kind trust', async (t) => {
    const station = await Station.make(t)
    const site = await station.site(t)
    await station.quick(2, 90)
    const definition = join(station.cwd, 'definition')
    await mkdir(definition)
    await cp(station.file(2), join(definition, '2.json'))
    writeFileSync(
      join(definition, 'bundle.yaml'),
      `apiVersion: sallyport/v1
kind: trust
name: hello
version: 1.0.0
sequence: 1
marking: {level: UNCLASSIFIED}
targets: [{os: debian, release: "13", architecture: amd64}]
mirrors:
  - {name: trust-policies, ecosystem: file, files: [{from: 2.json, path: 2.json}]}
`,
    )
    const out = join(station.cwd, 'trust')
    await build({ definition, out, update: false, store: join(station.cwd, 'built'), env: {}, signal: new AbortController().signal })
    assert.deepEqual(await codesOf(station.run(sitePolicy, out, '--site', site)), ['E_UNSIGNED'])
    await signBundle(out, await privateKey('alice'))
    assert.equal((await station.run(sitePolicy, out, '--site', site)).value['version'], 2)
  })
})

suite('a host', () => {
  test('walks the chain from what it has, and never back', async (t) => {
    const station = await Station.make(t)
    for (const version of [2, 3, 4]) await station.quick(version, version)
    const chain = [1, 2, 3, 4].map((version) => readFileSync(station.file(version)))
    const card = (await readPolicy(station.file(1))).digest
    const paths = hostPaths(await temporary(t))
    await mkdir(paths.depot, { recursive: true })
    assert.equal((await takePolicy(paths, chain.slice(0, 2), card)).payload.version, 2)
    assert.deepEqual(await codesOf(takePolicy(paths, chain.slice(0, 1), card)), ['E_POLICY_CHAIN'], 'an older station')
    assert.deepEqual(await codesOf(takePolicy(paths, chain.slice(3), card)), ['E_POLICY_CHAIN'], 'a version is missing')
    assert.equal((await takePolicy(paths, chain, card)).payload.version, 4)
    assert.equal((await takePolicy(paths, chain, card)).payload.version, 4)
    assert.deepEqual(await codesOf(takePolicy(paths, chain.slice(0, 3), card)), ['E_POLICY_CHAIN'])
    const fresh = hostPaths(await temporary(t))
    assert.deepEqual(await codesOf(takePolicy(fresh, chain.slice(1), card)), ['E_POLICY_DIGEST'], 'the first is the one on the card')
    assert.equal((await takePolicy(fresh, chain, card)).payload.version, 4)
    assert.throws(() => walkPolicies([], { digest: card }))
  })
})
