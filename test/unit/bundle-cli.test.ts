/** The commands of keys, policy, sign, verify and inspect, one after the other, as a publisher and a site use them. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Command } from '../../src/cli/command.ts'
import { command as inspect } from '../../src/cli/inspect.ts'
import { command as keysCard } from '../../src/cli/keys-card.ts'
import { command as keysNew } from '../../src/cli/keys-new.ts'
import { command as policyNew } from '../../src/cli/policy-new.ts'
import { command as policyShow } from '../../src/cli/policy-show.ts'
import { command as sign } from '../../src/cli/sign.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { bundleIn, codesOf, temporary } from './bundle-fixture.ts'
import { runCommand } from './cli-run.ts'

const run = (cwd: string, command: Command, ...words: string[]) => runCommand(cwd, command, words)

suite('from keys to an accepted bundle', () => {
  test('all commands in their order', async (t) => {
    const cwd = await temporary(t)
    await bundleIn(cwd, [])
    await writeFile(join(cwd, 'secret'), 'a long passphrase\n', { mode: 0o600 })
    const secret = ['--passphrase-file', join(cwd, 'secret')]
    await run(cwd, keysNew, '--person', 'Rita Root', '--role', 'root', '-o', 'keys/root', ...secret)
    const made = await run(
      cwd,
      keysNew,
      '--person',
      'Alice Example',
      '--role',
      'publisher',
      '-o',
      'keys/alice',
      ...secret,
    )
    assert.deepEqual((await readdir(join(cwd, 'keys/alice.public'))).toSorted(), [
      'key.json',
      'public.mldsa87.pem',
      'public.p384.pem',
    ])

    const site = [
      '-o',
      'policy.json',
      '--site',
      'demo',
      '--root',
      'keys/root',
      '--publisher',
      'keys/alice.public',
      '--names',
      'hello,mesh',
    ]
    const policy = await run(
      cwd,
      policyNew,
      ...site,
      '--ceiling',
      'SECRET',
      '--threshold',
      'upgrade=publisher:2',
      ...secret,
    )
    const digest = String(policy.value['sha512'])
    const shown = await run(cwd, policyShow, 'policy.json', '--policy-digest', digest)
    assert.match(shown.text, /Alice Example: publisher, may sign hello, mesh/)
    assert.match(shown.text, /upgrade {2}2 publisher/)
    assert.deepEqual(await codesOf(run(cwd, policyNew, ...site, ...secret)), ['E_FILE_UNREADABLE'])

    const card = await run(cwd, keysCard, 'keys/alice.public', '--policy', 'policy.json')
    assert.ok(card.text.includes(digest) && card.text.includes(String(made.value['keyId'])))
    assert.ok(card.text.includes(await readFile(join(cwd, 'keys/alice/public.p384.pem'), 'utf8')))

    const before = await run(cwd, inspect, 'bundle')
    assert.equal(before.value['verified'], false)
    assert.match(before.text, /^NOTHING HERE WAS VERIFIED/)
    assert.match(before.text, /it is not signed/)
    assert.deepEqual(await codesOf(run(cwd, verify, 'bundle', '--policy', 'policy.json')), ['E_UNSIGNED'])

    const signed = await run(cwd, sign, 'bundle', '--key', 'keys/alice', ...secret)
    assert.match(
      signed.text,
      /Alice Example \(key [0-9a-f]{16}\) signed hello 1.0.0: release, sequence 100, RESTRICTED/,
    )
    const accepted = await run(cwd, verify, 'bundle', '--policy', 'policy.json', '--policy-digest', digest)
    assert.equal(accepted.value['accepted'], true)
    assert.match(accepted.text, /^hello 1.0.0 is accepted for import under the trust policy of site demo, version 1/)
    assert.ok(!accepted.text.includes('taken as it is'))
    assert.match((await run(cwd, verify, 'bundle', '--policy', 'policy.json')).text, /taken as it is/)
    assert.deepEqual(await codesOf(run(cwd, verify, 'bundle', '--policy', 'policy.json', '--for', 'upgrade')), [
      'E_THRESHOLD',
    ])
    const wrong = run(cwd, verify, 'bundle', '--policy', 'policy.json', '--policy-digest', '0'.repeat(128))
    assert.deepEqual(await codesOf(wrong), ['E_POLICY_DIGEST'])

    await writeFile(join(cwd, 'bundle/docs/runbook.md'), '# Rotten\n')
    assert.deepEqual(await codesOf(run(cwd, sign, 'bundle', '--key', 'keys/alice', ...secret)), ['E_FILE_TRUNCATED'])
  })

  test('words that cannot be understood', async (t) => {
    const cwd = await temporary(t)
    await writeFile(join(cwd, 'secret'), 'a long passphrase\n', { mode: 0o600 })
    const secret = ['--passphrase-file', join(cwd, 'secret')]
    await run(cwd, keysNew, '--person', 'Rita Root', '--role', 'root', '-o', 'root', ...secret)
    const site = [
      '-o',
      'policy.json',
      '--site',
      'demo',
      '--root',
      'root',
      '--publisher',
      'root.public',
      '--names',
      'hello',
      ...secret,
    ]
    for (const [command, ...words] of [
      [keysNew, '--person', 'X', '--role', 'king', '-o', 'x', ...secret],
      [verify, 'x', '--policy', 'y', '--for', 'fun'],
      [policyNew, ...site],
      [policyNew, ...site, '--threshold', 'import=2'],
      [policyNew, ...site, '--threshold', 'import=king:2'],
    ] as [Command, ...string[]][]) {
      assert.deepEqual(await codesOf(run(cwd, command, ...words)), ['E_USAGE'], words.join(' '))
    }
    assert.deepEqual(await readdir(cwd).then((names) => names.includes('policy.json')), false)
  })
})
