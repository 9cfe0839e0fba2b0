import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeApproval } from '../../src/bundle/approval-files.ts'
import { approvalId, serialiseApproval } from '../../src/bundle/approval.ts'
import { newKey } from '../../src/bundle/keys.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { rebuild } from '../../src/bundle/volumes/salvage.ts'
import { verifyVolume } from '../../src/bundle/volumes/verify.ts'
import { NOW, codesOf, people, policyOf } from './bundle-fixture.ts'
import { copyOf, snapshot, workplace } from './volumes-fixture.ts'

test('approvals travel on every volume: an import that asks for one finds it, and the bundle in the store has it', async (t) => {
  const { directory, bundle, digest, alice, pack } = await workplace(t)
  const olga = await newKey('Olga Officer', 'accreditor')
  const { root } = await people()
  const policy = policyOf({ root, keys: [alice, olga], thresholds: { import: { publisher: 1, accreditor: 1 } } })
  const take = (paths: readonly string[], store: string) => importVolumes(paths, { store: join(directory, store), policy, now: NOW })
  const bare = await pack('bare')
  assert.deepEqual(await codesOf(take(bare.paths.slice(0, 3), 'unapproved')), ['E_THRESHOLD'])

  const approval = serialiseApproval({
    bundle: digest,
    site: 'demo',
    act: 'import',
    siteDigest: null,
    planDigest: null,
    conditions: ['Only in building 7'],
    created: '2026-11-30T00:00:00Z',
    expires: '2026-12-14T00:00:00Z',
  })
  await writeApproval(join(bundle, 'approvals'), approval, olga)
  const id = approvalId(approval)
  const names = [`${id}.${olga.keyId}.mldsa87.sig`, `${id}.${olga.keyId}.p384.sig`, `${id}.json`].toSorted()
  const { paths } = await pack('approved')
  for (const path of paths) {
    assert.deepEqual((await readdir(join(path, 'bundle/approvals'))).toSorted(), names)
    const { listing } = await verifyVolume(path, { policy, now: NOW })
    for (const name of names) assert.ok(listing.files.some((file) => file.path === `bundle/approvals/${name}`), name)
  }
  const done = await take(paths.slice(0, 3), 'approved-store')
  assert.deepEqual(done.bundle.approvals.map((one) => [one.id, one.signers.map(({ person }) => person)]), [[id, ['Olga Officer']]])
  assert.deepEqual(await snapshot(done.directory), await snapshot(bundle))

  const rebuilt = join(directory, 'rebuilt')
  await rebuild(2, paths.filter((_, index) => index !== 1), rebuilt, { policy, now: NOW })
  assert.deepEqual((await readdir(join(rebuilt, 'bundle/approvals'))).toSorted(), names)

  // What is changed on one volume is taken from another; changed on all of them, it is refused.
  const changed = await copyOf(paths[0] ?? '', join(directory, 'changed'))
  await writeFile(join(changed, 'bundle/approvals', `${id}.json`), approval.toString().replace('building 7', 'building 8'))
  assert.deepEqual(await codesOf(take([changed], 'changed-store')), ['E_FILE_ALTERED'])
  assert.deepEqual(await snapshot((await take([changed, ...paths.slice(1, 3)], 'changed-store')).directory), await snapshot(bundle))
  await rm(join(changed, 'bundle/approvals'), { recursive: true })
  assert.deepEqual(await codesOf(verifyVolume(changed, { policy, now: NOW })), ['E_FILE_MISSING'])
  assert.deepEqual(await codesOf(take([changed], 'robbed-store')), ['E_FILE_MISSING'])
})
