/** The running release, judged from what a depot keeps: real bundles, laid out as an install does, hashed by the program that hosts are asked with. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test, type TestContext } from 'node:test'
import { RECORDS_PROGRAM, RELEASE_PROGRAM } from '../../src/assessment/observe/depot-programs.ts'
import type { DepotRecords, ReleaseFiles } from '../../src/assessment/observe/facts.ts'
import { judgeRecords } from '../../src/assessment/release.ts'
import { judgeServed, questionOf } from '../../src/assessment/served.ts'
import { importBlobs } from '../../src/bundle/import.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { newKey } from '../../src/bundle/keys.ts'
import { openBundle } from '../../src/bundle/verify.ts'
import { layOutRelease } from '../../src/enclave/depot/layout-release.ts'
import { writeState } from '../../src/enclave/depot/state.ts'
import { keepManifest } from '../../src/enclave/floor/memory.ts'
import { hostPaths, releaseId } from '../../src/enclave/paths.ts'
import { bundleIn, NOW, people, policyOf, temporary } from './bundle-fixture.ts'

/** A depot in a folder that runs a signed bundle; made once, copied for each test. */
async function made(folder: string) {
  const { root, alice } = await people()
  const policy = policyOf({ root, keys: [alice] })
  const written = await bundleIn(folder, [alice])
  const paths = hostPaths(join(folder, 'host'))
  const bundle = await openBundle(written.directory, { policy, act: 'install', now: NOW })
  const store = new ContentStore(paths.store)
  await importBlobs(bundle, store)
  const bytes = readFileSync(join(written.directory, 'bundle.json'))
  await layOutRelease(paths, store, bundle.statement, bytes, bundle.digest)
  await keepManifest(paths, bundle.digest, written.directory)
  const { kind, name, version, sequence } = bundle.statement
  await writeState(paths, { formatVersion: 1, site: 'demo', running: { kind, name, version, sequence, digest: bundle.digest }, floors: {} })
  return { folder, root, policy, bundle, bytes, id: releaseId({ name, version, digest: bundle.digest }) }
}

let once: Awaited<ReturnType<typeof made>>
before(async () => {
  once = await made(await mkdtemp(join(tmpdir(), 'assessment-release-')))
})
after(() => rm(once.folder, { recursive: true, force: true }))

async function depot(t: TestContext) {
  const { root, policy, bundle, bytes, id } = once
  const folder = await temporary(t)
  await cp(join(once.folder, 'host'), join(folder, 'host'), { recursive: true })
  const paths = hostPaths(join(folder, 'host'))
  // The programs know a depot's places: here those lie below a folder.
  const ask = <T>(program: string, question: object): T =>
    JSON.parse(
      execFileSync('python3', ['-I', '-', Buffer.from(JSON.stringify(question)).toString('base64')], {
        input: program.replaceAll('"/var/lib/', `"${folder}/host/var/lib/`),
        encoding: 'utf8',
      }),
    ) as T
  return {
    policy,
    root,
    bundle,
    paths,
    release: join(paths.releases, id),
    kept: join(paths.manifests, bundle.digest),
    records: () => judgeRecords(ask<DepotRecords>(RECORDS_PROGRAM, {}), policy, NOW),
    served: () => judgeServed(bundle.statement, createHash('sha256').update(bytes).digest('hex'), ask<ReleaseFiles>(RELEASE_PROGRAM, { release: id, ...questionOf(bundle.statement) })),
  }
}

type Depot = Awaited<ReturnType<typeof depot>>

suite('what a depot keeps of the running release', () => {
  test('is judged by its signatures: who signed it, and whose installer it brings', async (t) => {
    const { records, bundle } = await depot(t)
    const judged = await records()
    assert.ok('answer' in judged, JSON.stringify(judged))
    assert.deepEqual([judged.answer.digest, judged.answer.reasons], [bundle.digest, []])
    assert.deepEqual(judged.answer.signers.length, 1)
    assert.deepEqual([...judged.answer.installers], [[bundle.statement.installer?.sha512, 'hello 1.0.0']])
  })

  test('that the policy no longer accepts says so', async (t) => {
    const { paths, root } = await depot(t)
    const policy = policyOf({ root, keys: [await newKey('Somebody Else', 'publisher')] })
    const text = execFileSync('python3', ['-I', '-'], { input: RECORDS_PROGRAM.replaceAll('"/var/lib/', `"${join(paths.depot, '..')}/`), encoding: 'utf8' })
    const judged = await judgeRecords(JSON.parse(text) as DepotRecords, policy, NOW)
    assert.ok('answer' in judged)
    assert.match(judged.answer.reasons.join('\n'), /E_(UNSIGNED|KEY_UNKNOWN)/)
    assert.equal(judged.answer.installers.size, 0)
  })

  for (const [what, change, why] of [
    ['a statement that was changed', ({ kept }: Depot) => appendFileSync(join(kept, 'bundle.json'), ' '), /has sha512 .* its state says/],
    ['no statement', ({ kept }: Depot) => rmSync(kept, { recursive: true }), /keeps no bundle\.json/],
    ['a state that is damaged', ({ paths }: Depot) => writeFileSync(paths.state, '{'), /state\.json is damaged/],
  ] as const)
    test(`${what} is a fault, not an unasked question`, async (t) => {
      const given = await depot(t)
      change(given)
      const judged = await given.records()
      assert.ok('why' in judged)
      assert.match(judged.why, why)
      assert.equal(judged.wrong, true)
    })

  test('nothing, where nothing was installed', async (t) => {
    const given = await depot(t)
    rmSync(given.paths.state)
    assert.deepEqual(await given.records(), { why: 'the depot has no state: nothing was installed' })
  })
})

suite('what a depot serves', () => {
  test('is what was signed, each file of it', async (t) => {
    const { served, release } = await depot(t)
    const judged = await served()
    assert.ok('answer' in judged.served)
    assert.deepEqual(judged.served.answer, { faults: [], files: readdirSync(release, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length })
  })

  const firstBelow = (folder: string): string => {
    const file = readdirSync(folder, { recursive: true, withFileTypes: true }).find((one) => one.isFile())
    return join(file?.parentPath ?? '', file?.name ?? '')
  }
  // A file of a release is a hard link into the store: it is replaced, as somebody would who wants only this copy changed.
  const replace = (path: string, text: string): void => {
    rmSync(path)
    writeFileSync(path, text)
  }
  for (const [what, change, fault] of [
    ['another package', ({ release }: Depot) => replace(firstBelow(join(release, 'apt')), 'another'), /^apt\/\S+ has sha256 \S+, signed is /],
    ['another task', ({ release }: Depot) => replace(firstBelow(join(release, 'iac')), '- hosts: all'), /^iac\/\S+ has sha256 /],
    ['another layer', ({ release }: Depot) => replace(firstBelow(join(release, 'oci/v2/hello/blobs')), 'another'), /^oci\/v2\/hello\/blobs\/sha256:\S+ has sha256 /],
    ['a file that is gone', ({ release }: Depot) => rmSync(firstBelow(join(release, 'iac'))), /^iac\/\S+ is missing$/],
    ['a file that is new', ({ release }: Depot) => writeFileSync(join(release, 'apt/new.deb'), ''), /^apt\/new\.deb is not of the release$/],
    ['a tag that leads elsewhere', ({ release }: Depot) => replace(join(release, 'oci/v2/hello/manifests/1.0.0'), '{}'), /^oci\/v2\/hello\/manifests\/1\.0\.0 has sha256 /],
    ['an image nobody signed', ({ release }: Depot) => (mkdirSync(join(release, 'oci/v2/other/manifests'), { recursive: true }), writeFileSync(join(release, 'oci/v2/other/manifests/latest'), '{}')), /^oci\/v2\/other\/manifests\/latest is not of the release$/],
    ['a map of media types', ({ release }: Depot) => writeFileSync(join(release, 'oci-types.map'), '"/x" "text/html";\n'), /^oci-types\.map has sha256 /],
    ['a link out of it', ({ release }: Depot) => symlinkSync('/etc/passwd', join(release, 'apt/passwd')), /^apt\/passwd is neither a file nor a folder$/],
    ['another statement', ({ release }: Depot) => replace(join(release, 'bundle.json'), '{}'), /^bundle\.json has sha256 /],
  ] as const)
    test(`${what} is named`, async (t) => {
      const given = await depot(t)
      change(given)
      const { served } = await given.served()
      assert.ok('answer' in served)
      assert.equal(served.answer.faults.length, 1, served.answer.faults.join('\n'))
      assert.match(served.answer.faults[0] ?? '', fault)
    })

  test('a list of files that is not the signed one is believed in nothing', async (t) => {
    const given = await depot(t)
    const tree = given.bundle.statement.iac[0]?.tree.sha256 ?? ''
    replace(join(given.paths.store, 'blobs/sha256', tree), '[]')
    const { served, services, observer } = await given.served()
    assert.ok('answer' in served && 'why' in services)
    assert.match(served.answer.faults.join(), /a list of files, sha256 \S+, is another/)
    assert.equal(observer, undefined)
  })
})
