/** Keys that lie in a PKCS#11 token: Debian's SoftHSM and OpenSC, by the commands that sign. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../src/bundle/fault.ts'
import { readPublicKey } from '../../src/bundle/keys.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { approvalId } from '../../src/bundle/approval.ts'
import type { Command } from '../../src/cli/command.ts'
import { command as approve } from '../../src/cli/approve.ts'
import { command as custodyRecord } from '../../src/cli/custody-record.ts'
import { command as custodyVerify } from '../../src/cli/custody-verify.ts'
import { command as importing } from '../../src/cli/import.ts'
import { command as inventory } from '../../src/cli/inventory.ts'
import { command as keysCard } from '../../src/cli/keys-card.ts'
import { command as keysNew } from '../../src/cli/keys-new.ts'
import { command as pack } from '../../src/cli/pack.ts'
import { command as policyNew } from '../../src/cli/policy-new.ts'
import { command as policyNext } from '../../src/cli/policy-next.ts'
import { command as policySign } from '../../src/cli/policy-sign.ts'
import { command as sign } from '../../src/cli/sign.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { openToken } from '../../src/token/sign.ts'
import { python } from '../contract/second-verifier.ts'
import { bundleIn } from './bundle-fixture.ts'
import { runCommand, type Answer } from './cli-run.ts'
import { FLAGS, MODULE, PIN, SoftTokens } from './softhsm.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const SECOND = new URL('../second-verifier/verify.py', import.meta.url).pathname
const SECRET = 'a long passphrase'
const uri = (token: string, more = 'object=sign'): string => `pkcs11:token=${token};${more}?module-path=${MODULE}`

let cwd: string
let tokens: SoftTokens
let alice: string

before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'token-'))
  for (const [name, text] of [['secret', SECRET], ['pin', PIN], ['wrong', '11111111'], ['short', '1']] as const) writeFileSync(join(cwd, name), `${text}\n`, { mode: 0o600 })
  tokens = new SoftTokens(cwd)
  alice = tokens.add('alice')
  for (const label of ['olga', 'rita']) tokens.add(label)
  for (const label of ['alice', 'olga', 'rita']) tokens.key(label, 'sign', '01')
  for (const [name, person, role] of [['alice', 'Alice Example', 'publisher'], ['olga', 'Olga Officer', 'accreditor'], ['rita', 'Rita Root', 'root']] as const)
    await run(keysNew, '--person', person, '--role', role, '-o', name, '--token', uri(name), ...secrets())
  await run(keysNew, '--person', 'Rolf Root', '--role', 'root', '-o', 'rolf', '--passphrase-file', join(cwd, 'secret'))
  await bundleIn(cwd, [])
  await run(policyNew, '-o', 'policy.json', '--site', 'demo', '--root', 'rita', '--publisher', 'alice.public', '--accreditor', 'olga.public', '--names', 'hello', '--ceiling', 'SECRET', ...secrets())
})
after(() => rm(cwd, { recursive: true, force: true }))

const run = (command: Command, ...words: string[]): Promise<Answer> => runCommand(cwd, command, words)
const secrets = (pin = 'pin'): string[] => ['--passphrase-file', join(cwd, 'secret'), '--pin-file', join(cwd, pin)]
const copy = (name: string): string => (cpSync(join(cwd, 'bundle'), join(cwd, name), { recursive: true }), name)

async function refused(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(() => assert.fail('it was not refused'), (one: unknown) => one)
  assert.ok(error instanceof Fault, String(error))
  const shown = JSON.stringify([error.message, error.detail, String(error.cause)])
  assert.ok(!shown.includes(PIN), 'the PIN is in the fault')
  return error
}

/** Runs a line on a terminal of its own; each answer is typed the moment its question stands there. */
async function typed(line: string, answers: readonly (readonly [question: string, answer: string])[]): Promise<{ status: number | null; shown: string }> {
  const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
  let shown = ''
  const open = [...answers]
  child.stdout.on('data', (chunk) => {
    shown += String(chunk)
    if (open[0] && shown.endsWith(open[0][0])) child.stdin.write(`${open.shift()?.[1]}\r`)
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  return { status, shown }
}

/** Signs a copy of the bundle by a key folder that names `at`; nothing may be left of a refusal. */
async function signing(at: string, { pin = 'pin', folder = 'alice' } = {}): Promise<Fault> {
  const bundle = copy(`refused-${readdirSync(cwd).length}`)
  const error = await refused(run(sign, bundle, '--key', `${at}${at.includes('?') ? '&' : '?'}x-key-folder=${folder}`, ...secrets(pin)))
  assert.ok(!existsSync(join(cwd, bundle, 'signatures')), 'a signature was left')
  return error
}

suite('a key with one half in a token', () => {
  test('is a folder without that half, and signs what ours, the second verifier and openssl take', async () => {
    assert.deepEqual(readdirSync(join(cwd, 'alice')).toSorted(), ['key.json', 'private.mldsa87.pem', 'private.p384.uri', 'public.mldsa87.pem', 'public.p384.pem'])
    assert.equal(readFileSync(join(cwd, 'alice/private.p384.uri'), 'utf8'), `${uri('alice')}\n`)
    assert.equal(statSync(join(cwd, 'alice/private.p384.uri')).mode & 0o777, 0o600)
    const bundle = copy('signed')
    const { value } = await run(sign, bundle, '--key', 'alice', ...secrets())
    assert.equal(value['person'], 'Alice Example')
    const accepted = await verifyBundle(join(cwd, bundle), { policy: await readPolicy(join(cwd, 'policy.json')), act: 'import', now: new Date(), approving: 'later' })
    assert.deepEqual(accepted.signers.map(({ person }) => person), ['Alice Example'])
    const answer = execFileSync(await python(), [SECOND, join(cwd, bundle), '--policy', join(cwd, 'policy.json'), '--for', 'import'], { encoding: 'utf8', env: {} })
    assert.match(answer, /^accept /)
    const signature = join(cwd, bundle, `signatures/${String(value['keyId'])}.p384.sig`)
    const words = ['dgst', '-sha384', '-verify', join(cwd, 'alice.public/public.p384.pem'), '-signature', signature, join(cwd, bundle, 'bundle.json')]
    assert.match(execFileSync('openssl', words, { encoding: 'utf8' }), /Verified OK/)
  })

  test('has a card like any other, with the public half that the token shows', async () => {
    const { text, value } = await run(keysCard, 'alice.public', '--policy', 'policy.json')
    const { keyId } = await readPublicKey(join(cwd, 'alice'))
    assert.ok(text.includes(keyId))
    const [shown] = value['keys'] as { p384: { pem: string } }[]
    const point = Buffer.from(tokens.tool(['--token-label', 'alice', '--list-objects', '--type', 'pubkey']).match(/EC_POINT: +0461([0-9a-f]+)/)?.[1] ?? '', 'hex')
    assert.ok(Buffer.from(shown?.p384.pem.replaceAll(/-----.*-----|\n/g, '') ?? '', 'base64').subarray(-97).equals(point))
    assert.ok(!text.includes('pkcs11:'))
  })

  test('signs every act: approval, policy and its next version, volumes, inventory, custody', async () => {
    const bundle = copy('acts')
    await run(sign, bundle, '--key', 'alice', ...secrets())
    const made = await run(approve, bundle, '--policy', 'policy.json', '--key', 'olga', ...secrets())
    const file = join(cwd, bundle, 'approvals', `${String(made.value['id'])}.json`)
    assert.equal(approvalId(readFileSync(file)), made.value['id'])
    assert.match((await run(verify, bundle, '--policy', 'policy.json')).text, /approved by Olga Officer/)
    // Two roots, one of them by a token: the passphrases in the order of the keys, one PIN.
    await run(policyNext, '-o', '2.json', '--from', 'policy.json', '--root', 'rita', '--add', 'rolf.public', '--threshold', 'root=root:2', ...secrets())
    await run(policySign, '2.json', '--from', 'policy.json', '--root', 'rolf', '--passphrase-file', join(cwd, 'secret'))
    const third = await run(policyNext, '-o', '3.json', '--from', '2.json', '--root', 'rolf', '--root', 'rita', '--passphrase-file', join(cwd, 'secret'), ...secrets())
    assert.deepEqual(third.value['missing'], [])
    await run(policyNext, '-o', 'other-3.json', '--from', '2.json', '--root', 'rolf', '--passphrase-file', join(cwd, 'secret'))
    assert.deepEqual((await run(policySign, 'other-3.json', '--from', '2.json', '--root', 'rita', ...secrets())).value['missing'], [])
    await run(pack, bundle, '--media', 'usb:50M', '--parity', '0%', '--key', 'alice', '-o', 'set', ...secrets())
    await run(importing, 'set/VOLUME-1', '--store', 'store', '--policy', 'policy.json')
    await run(inventory, '--store', 'store', '--policy', 'policy.json', '--key', 'olga', '-o', 'inventory', ...secrets())
    const way = ['--log', 'log.jsonl', '--serial', 'BD-1', '--from', 'low', '--to', 'demo', '--no-scan', 'a test of keys']
    await run(custodyRecord, 'set', ...way, '--hands-over', 'alice', '--takes', 'olga', ...secrets(), ...secrets())
    assert.match((await run(custodyVerify, 'log.jsonl', '--policy', 'policy.json')).text, /1 crossing|1 entr/)
  })

  test('is named by a URI with a folder that says nothing of the token; by slot, serial and id too', async () => {
    cpSync(join(cwd, 'alice'), join(cwd, 'elsewhere'), { recursive: true })
    rmSync(join(cwd, 'elsewhere/private.p384.uri'))
    const serial = /token label +: alice\n(?: {2}.*\n)*? {2}serial num +: (\S+)/.exec(tokens.tool(['--list-slots']))?.[1] ?? ''
    for (const at of [`pkcs11:serial=${serial};id=%01;type=private`, 'pkcs11:token=alice;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;object=sign']) {
      const bundle = copy(`by-${at.length}`)
      await run(sign, bundle, '--key', `${at}?module-path=${MODULE}&x-key-folder=elsewhere&pin-source=file:${join(cwd, 'pin')}`, '--passphrase-file', join(cwd, 'secret'))
      await run(verify, bundle, '--policy', 'policy.json')
    }
    assert.equal((await refused(run(sign, 'bundle', '--key', uri('alice'), ...secrets()))).code, 'E_TOKEN_URI')
    cpSync(join(cwd, 'rolf/private.p384.pem'), join(cwd, 'elsewhere/private.p384.pem'))
    writeFileSync(join(cwd, 'elsewhere/private.p384.uri'), uri('alice'))
    assert.equal((await refused(run(sign, 'bundle', '--key', 'elsewhere', ...secrets()))).code, 'E_KEY_DIRECTORY')
  })

  test('asks its PIN of a person at a terminal, or says that there is none', async () => {
    const error = await refused(run(sign, copy('asked'), '--key', 'alice', '--passphrase-file', join(cwd, 'secret')))
    assert.equal(error.code, 'E_NO_TERMINAL')
    assert.match(error.message, /PIN of the token alice/)
    const bundle = copy('typed')
    const { status, shown } = await typed(`'${process.execPath}' '${MAIN}' sign ${bundle} --key alice`, [['Passphrase of alice: ', SECRET], ['PIN of the token alice: ', PIN]])
    assert.equal(status, 0, shown)
    assert.match(shown, /Alice Example .* signed hello/)
    assert.ok(!shown.includes(PIN) && !shown.includes(SECRET), 'what was typed was shown')
  })
})

test('the PIN stands in no argument list while a command signs, and in nothing that it prints', async () => {
  const bundle = copy('traced')
  const trace = join(cwd, 'trace')
  const child = spawn('strace', ['-f', '-qq', '-s', '4096', '-e', 'trace=execve', '-o', trace, process.execPath, MAIN, 'sign', bundle, '--key', 'alice', ...secrets(), '--json'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
  const ended = once(child, 'exit')
  const seen = new Set<string>()
  while (child.exitCode === null) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // It ended meanwhile.
      }
    }
    await pause(2)
  }
  assert.deepEqual(await ended, [0, null], said)
  const started = readFileSync(trace, 'utf8').split('\n').filter((line) => line.includes('"pkcs11-tool"') && line.endsWith('= 0'))
  assert.equal(started.length, 3, 'tokens listed, key found, signed')
  assert.equal(started.filter((line) => line.includes('"env:SALLYPORT_TOKEN_PIN"')).length, 2)
  assert.ok([...seen].some((words) => words.startsWith('pkcs11-tool\0')), 'no list of arguments was seen')
  for (const text of [said, ...started, ...seen]) assert.ok(!text.includes(PIN), text)
})

suite('refused, with nothing written', () => {
  const cases: readonly (readonly [what: string, at: () => string, code: string, exit: number, pin?: string])[] = [
    ['a wrong PIN', () => uri('alice'), 'E_TOKEN_PIN', 3, 'wrong'],
    ['a PIN too short to be one', () => uri('alice'), 'E_TOKEN_PIN', 3, 'short'],
    ['no such object', () => uri('alice', 'object=other'), 'E_TOKEN_KEY', 3],
    ['two objects that fit', () => (tokens.add('pair'), tokens.key('pair', 'sign', '01'), tokens.key('pair', 'sign', '02'), uri('pair')), 'E_TOKEN_SEVERAL', 3],
    ['two tokens that fit', () => (tokens.add('twin'), tokens.add('twin'), uri('twin')), 'E_TOKEN_SEVERAL', 3],
    ['no such token', () => uri('nobody'), 'E_TOKEN_ABSENT', 7],
    ['no module', () => 'pkcs11:token=alice;object=sign?module-path=/nowhere/module.so', 'E_TOKEN_MODULE', 7],
    ['a library that is no module', () => 'pkcs11:token=alice;object=sign?module-path=/lib/x86_64-linux-gnu/libc.so.6', 'E_TOKEN_MODULE', 7],
    ['a key on another curve', () => (tokens.add('small'), tokens.key('small', 'sign', '01', 'EC:prime256v1'), uri('small')), 'E_TOKEN_ALGORITHM', 3],
    ['a key of another kind', () => (tokens.add('rsa'), tokens.key('rsa', 'sign', '01', 'rsa:2048'), uri('rsa')), 'E_TOKEN_ALGORITHM', 3],
    ['the key of another person', () => uri('olga'), 'E_TOKEN_OTHER_KEY', 5],
    ['a token that is locked', () => (tokens.setFlag(tokens.add('locked'), FLAGS.userPinLocked), uri('locked')), 'E_TOKEN_LOCKED', 7],
    ['a token without a PIN', () => (tokens.addWithoutPin('fresh'), uri('fresh')), 'E_TOKEN_LOCKED', 7],
  ]
  for (const [what, at, code, exit, pin] of cases)
    test(what, async () => {
      const error = await signing(at(), pin === undefined ? {} : { pin })
      assert.deepEqual([error.code, error.exit], [code, exit], `${error.message} ${JSON.stringify(error.detail)}`)
    })

  test('a key that may not sign', async () => {
    const folder = tokens.add('mute')
    tokens.key('mute', 'sign', '01')
    await run(keysNew, '--person', 'Mute', '--role', 'publisher', '-o', 'mute', '--token', uri('mute'), ...secrets())
    tokens.forbidSigning(folder)
    const error = await signing(uri('mute'), { folder: 'mute' })
    assert.deepEqual([error.code, error.exit], ['E_TOKEN_FORBIDS', 3], JSON.stringify(error.detail))
    assert.equal((await refused(run(keysNew, '--person', 'Mute', '--role', 'publisher', '-o', 'mute-too', '--token', uri('mute'), ...secrets()))).code, 'E_TOKEN_FORBIDS')
    assert.ok(!existsSync(join(cwd, 'mute-too')))
  })

  test('a token that is taken out before its PIN is given, or before it signs', async () => {
    const { keys } = await readPublicKey(join(cwd, 'alice'))
    const out = (): void => renameSync(alice, `${cwd}/taken-out`)
    const back = (): void => renameSync(`${cwd}/taken-out`, alice)
    const early = await refused(openToken(uri('alice'), async () => (out(), PIN)))
    back()
    assert.equal(early.code, 'E_TOKEN_ABSENT')
    const open = await openToken(uri('alice'), async () => PIN)
    out()
    const late = await refused(Promise.resolve().then(() => open.sign(Buffer.from('x'), keys.p384)))
    back()
    assert.deepEqual([late.code, late.exit], ['E_TOKEN_ABSENT', 7])
    open.sign(Buffer.from('x'), keys.p384)
  })

  test('no program that speaks to tokens', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = cwd
    const error = await refused(run(sign, 'bundle', '--key', 'alice', ...secrets()))
    process.env['PATH'] = path
    assert.deepEqual([error.code, error.exit], ['E_TOKEN_PROGRAM', 7])
  })
})

test('the last try before a token locks is said in the question', async () => {
  const folder = tokens.add('last')
  tokens.key('last', 'sign', '01')
  tokens.setFlag(folder, FLAGS.userPinFinalTry)
  let asked = ''
  await openToken(uri('last'), async (question) => ((asked = question), PIN))
  assert.equal(asked, 'PIN of the token last, the last try before it locks')
})
