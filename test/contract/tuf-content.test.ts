/**
 * The attacks that TUF names (theupdateframework.io, "Attacks and Weaknesses"; specification 1.0.33, section 1.5.2), on
 * media instead of a repository: real bundles, real policies, both verifiers. They agree on each, and on what is right.
 * Here those on what a bundle holds; those on who may say so are in tuf-trust.test.ts.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import assert from 'node:assert/strict'
import type { BlobRef } from '../../src/bundle/digest.ts'
import { acceptPolicy } from '../../src/bundle/policy-file.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'
import { codesOf, NOW } from '../unit/bundle-fixture.ts'
import { judge } from './damage.ts'
import { blobOf, forge, replaceBlob } from './forge.ts'
import { victim, rita, rolf, alice, mallory, second, usual, start, stop, fresh, policy, release, both, importOf, approved } from './tuf-bench.ts'

before(start)
after(stop)

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
