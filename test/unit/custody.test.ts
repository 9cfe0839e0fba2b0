/** The log of crossings by its commands: real media, real keys, Debian's clamscan with a database of one signature. */
import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { command as custodyRecord } from '../../src/cli/custody-record.ts'
import { command as custodyShow } from '../../src/cli/custody-show.ts'
import { command as custodyVerify } from '../../src/cli/custody-verify.ts'
import type { Command } from '../../src/cli/command.ts'
import { newKey, writeKey, type PrivateKey } from '../../src/bundle/keys.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { CODES } from '../../src/custody/codes.ts'
import { ENTRY_TYPE, parseEntry, serialiseEntry, type Entry } from '../../src/custody/entry.ts'
import { appendEntry, readLog } from '../../src/custody/log.ts'
import { contentOf } from '../../src/custody/medium.ts'
import { bundleIn, codesOf, people, policyOf, type People } from './bundle-fixture.ts'
import { clamscan, definitionsIn, EICAR } from './clamav.ts'
import { runCommand, type Answer } from './cli-run.ts'

const SECRET = 'a long passphrase'
let cwd: string
let who: People
let olga: PrivateKey
let count = 0

before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'custody-'))
  who = await people()
  olga = await newKey('Olga Officer', 'accreditor')
  const again = await newKey('ALICE  example', 'publisher')
  await bundleIn(cwd, [who.alice])
  await writeFile(join(cwd, 'secret'), `${SECRET}\n`, { mode: 0o600 })
  for (const [name, key] of [['alice', who.alice], ['olga', olga], ['again', again]] as const) {
    await writeKey(join(cwd, name), key, SECRET)
    await writeKey(join(cwd, `${name}.public`), key, null)
  }
  await writeFile(join(cwd, 'policy.json'), signPolicy(policyOf({ root: who.root, keys: [who.alice, olga] }).payload, [who.root]))
  definitionsIn(join(cwd, 'definitions'))
})
after(() => rm(cwd, { recursive: true, force: true }))

const run = (command: Command, ...words: string[]): Promise<Answer> => runCommand(cwd, command, words)
const newLog = (): string => join(cwd, `log-${count++}.jsonl`)
const WAY = ['--serial', 'BD-0042', '--from', 'low side', '--to', 'site demo']
const secrets = (): string[] => ['--passphrase-file', join(cwd, 'secret'), '--passphrase-file', join(cwd, 'secret')]
const record = (medium: string, log: string, ...words: string[]): Promise<Answer> => run(custodyRecord, medium, '--log', log, ...WAY, '--hands-over', 'alice', '--takes', 'olga', ...secrets(), ...words)
const clam = (): string[] => ['--scanner', clamscan(), '--definitions', 'definitions']

/** Three crossings by the library: no scan, no passphrase. */
async function threeCrossings(serials = ['one', 'two', 'three']): Promise<{ log: string; lines: string[]; head: string }> {
  const log = newLog()
  const facts: Omit<Entry, 'number' | 'previous' | 'persons'> = {
    type: ENTRY_TYPE,
    time: '2026-12-01T00:00:00Z',
    outcome: 'crossed',
    medium: { serial: 'X', label: null },
    from: 'a',
    to: 'b',
    content: { files: 0, bytes: 0, sha512: '0'.repeat(128) },
    carried: null,
    scan: { result: 'not scanned', scanner: null, words: [], definitions: null, found: [], seconds: 0, reason: 'test' },
    tools: { sallyport: 'x', node: 'x', openssl: 'x', system: 'x' },
    note: null,
  }
  let head = ''
  for (const serial of serials) head = (await appendEntry(log, { ...facts, medium: { serial, label: null } }, who.alice, olga)).digest
  return { log, lines: readFileSync(log, 'utf8').trimEnd().split('\n'), head }
}

suite('a crossing', () => {
  test('is hashed, scanned by ClamAV, signed by two, and read again', async () => {
    const log = newLog()
    const made = await record('bundle', log, ...clam(), '--label', 'mesh, 1 of 1', '--note', 'sealed bag 7')
    const { content, carried, scan, persons, outcome } = made.value as unknown as Entry
    const whole = await contentOf(join(cwd, 'bundle'))
    assert.deepEqual(content, whole)
    assert.deepEqual([carried?.name, carried?.sequence, carried?.volume, outcome], ['hello', 100, null, 'crossed'])
    assert.match(scan.scanner ?? '', /^ClamAV \d+\.\d+/)
    assert.deepEqual([scan.result, scan.definitions], ['clean', (await contentOf(join(cwd, 'definitions'))).sha512])
    assert.ok(scan.words.includes('--alert-exceeds-max=yes'))
    assert.deepEqual(persons.map(({ person, part }) => [person, part]), [['Alice Example', 'hands over'], ['Olga Officer', 'takes']])
    await record('bundle/docs', log, ...clam())
    const shown = await run(custodyShow, log)
    assert.match(shown.text, /^1 {2}\S+ {2}crossed {2}BD-0042 {2}low side → site demo {2}hello 1\.0\.0 {2}clean\n2 {2}\S+ {2}crossed .* no bundle {2}clean$/)
    assert.match((await run(custodyShow, log, '--entry', '1')).text, /sealed bag 7/)
    const checked = await run(custodyVerify, log, '--policy', 'policy.json', '--head', String(made.value['head']))
    assert.equal(checked.value['entries'], 2)
    assert.equal((await run(custodyVerify, log, '--public', 'alice.public', '--public', 'olga.public')).value['entries'], 2)
  })

  test('of a medium on which ClamAV finds something is logged as refused', async () => {
    const log = newLog()
    mkdirSync(join(cwd, 'infected'))
    writeFileSync(join(cwd, 'infected/invoice.pdf'), EICAR)
    writeFileSync(join(cwd, 'infected/fine.txt'), 'fine')
    const error = await record('infected', log, ...clam()).then(() => undefined, (reason: unknown) => reason)
    assert.ok(error instanceof Fault && error.code === 'E_CUSTODY_FOUND')
    assert.deepEqual(error.detail.faults, ['invoice.pdf: Sallyport.Test.UNOFFICIAL FOUND'])
    const { entries } = await readLog(log)
    assert.deepEqual(entries.map(({ entry }) => [entry.outcome, entry.scan.found]), [['refused', ['invoice.pdf: Sallyport.Test.UNOFFICIAL FOUND']]])
    assert.equal((await run(custodyVerify, log, '--policy', 'policy.json')).value['refused'], 1)
  })

  test('by another scanner, by one that fails, that is not there, or by none with its reason', async () => {
    const log = newLog()
    const script = join(cwd, 'scanner')
    writeFileSync(script, '#!/bin/sh\n[ "$1" = --version ] && echo "Desk 7" && exit 0\n[ "$1" = --deep ] && [ -d "$2" ] && exit "$(cat "$0.status")"\nexit 9\n')
    chmodSync(script, 0o755)
    const scanned = (status: number) => (writeFileSync(`${script}.status`, String(status)), record('bundle', log, '--scanner', script, '--scanner-word=--deep'))
    const clean = (await scanned(0)).value as unknown as Entry
    assert.deepEqual([clean.scan.result, clean.scan.scanner, clean.scan.words], ['clean', 'Desk 7', ['--deep']])
    assert.deepEqual(await codesOf(scanned(1)), ['E_CUSTODY_FOUND'])
    assert.deepEqual(await codesOf(scanned(2)), ['E_CUSTODY_SCANNER'])
    assert.deepEqual(await codesOf(record('bundle', log, '--scanner', '/nonexistent')), ['E_CUSTODY_SCANNER'])
    const none = (await record('bundle', log, '--no-scan', 'scanned at the desk, form 12')).value as unknown as Entry
    assert.deepEqual([none.scan.result, none.scan.reason], ['not scanned', 'scanned at the desk, form 12'])
    assert.equal((await readLog(log)).entries.length, 3)
  })

  test('takes two persons, and a medium of files', async () => {
    const log = newLog()
    const by = (hands: string, takes: string) => run(custodyRecord, 'bundle', '--log', log, ...WAY, '--hands-over', hands, '--takes', takes, ...secrets(), '--no-scan', 'x')
    assert.deepEqual(await codesOf(by('alice', 'alice')), ['E_CUSTODY_PERSONS'])
    assert.deepEqual(await codesOf(by('alice', 'again')), ['E_CUSTODY_PERSONS'], 'a second key of the same person')
    mkdirSync(join(cwd, 'linked'))
    symlinkSync('/etc/passwd', join(cwd, 'linked/x'))
    assert.deepEqual(await codesOf(record('linked', log, '--no-scan', 'x')), ['E_CUSTODY_FOUND'])
    assert.deepEqual((await readLog(log)).entries, [])
  })
})

suite('a log', () => {
  const verified = (path: string, ...words: string[]) => codesOf(run(custodyVerify, path, '--policy', 'policy.json', ...words))

  test('that was changed in any way is refused', async () => {
    const { lines, head } = await threeCrossings()
    const [one = '', two = '', three = ''] = lines
    const altered: Record<string, string[]> = {
      'an entry is gone': [one, three],
      'the first is gone': [two, three],
      'two change places': [one, three, two],
      'one stands twice': [one, two, two, three],
      'a word is another': [one, two.replace('"serial\\": \\"two', '"serial\\": \\"twO'), three],
      'a signature is another': [one, two.replace(/"signature":"../, '"signature":"zz'), three],
      'a signature is gone': [one, JSON.stringify({ ...JSON.parse(two), signatures: (JSON.parse(two) as { signatures: unknown[] }).signatures.slice(1) }), three],
      'written otherwise': [one, two.replace('{"entry"', '{ "entry"'), three],
      'with something more': [one, two.replace(/\}$/, ',"more":1}'), three],
      'a line of something else': [one, 'hello', two, three],
      'an empty line': [one, '', two, three],
    }
    for (const [name, all] of Object.entries(altered)) {
      const path = newLog()
      writeFileSync(path, `${all.join('\n')}\n`)
      assert.deepEqual(await verified(path), ['E_CUSTODY_LOG'], name)
    }
    const whole = newLog()
    writeFileSync(whole, `${lines.join('\n')}\n`)
    assert.deepEqual(await verified(whole, '--head', head), [])
    // A tail that was cut cannot be told from a shorter log, but for the head on paper.
    const cut = newLog()
    writeFileSync(cut, `${one}\n${two}\n`)
    assert.deepEqual(await verified(cut), [])
    assert.deepEqual(await verified(cut, '--head', head), ['E_CUSTODY_LOG'])
    // The last signature alone is bound by no later line.
    writeFileSync(cut, `${one}\n${two}\n${three.replace(/"signature":"../, '"signature":"zz')}\n`)
    assert.deepEqual(await verified(cut), ['E_CUSTODY_LOG'])
  })

  test('by keys that nobody knows', async () => {
    const { log } = await threeCrossings()
    assert.deepEqual(await codesOf(run(custodyVerify, log, '--public', 'alice.public')), ['E_CUSTODY_SIGNER'])
    assert.deepEqual(await codesOf(run(custodyVerify, log)), ['E_USAGE'])
    assert.deepEqual(await codesOf(run(custodyShow, log, '--entry', '4')), ['E_USAGE'])
  })

  test('goes on behind its last whole line after a power cut, and never behind a damaged one', async () => {
    const { log, lines } = await threeCrossings()
    const unfinished = newLog()
    copyFileSync(log, unfinished)
    truncateSync(unfinished, Buffer.byteLength(lines.join('\n')) - 100)
    assert.equal((await readLog(unfinished)).entries.length, 2)
    const made = await record('definitions', unfinished, '--no-scan', 'x')
    assert.equal(made.value['number'], 3)
    assert.deepEqual(await verified(unfinished), [])
    appendFileSync(log, 'x\n')
    const before = readFileSync(log)
    assert.deepEqual(await codesOf(record('definitions', log, '--no-scan', 'x')), ['E_CUSTODY_LOG'])
    assert.deepEqual(readFileSync(log), before)
  })

  test('holds entries of its form only', async () => {
    const { log } = await threeCrossings()
    const [first] = (await readLog(log)).entries
    const entry = (first as NonNullable<typeof first>).entry
    assert.deepEqual(parseEntry(serialiseEntry(entry)), entry)
    for (const change of [{ number: 0 }, { outcome: 'lost' }, { from: 'a\nb' }, { persons: entry.persons.slice(1) }, { previous: '0'.repeat(128) }, { more: 1 }])
      assert.throws(() => serialiseEntry({ ...entry, ...change } as Entry), RangeError, JSON.stringify(change))
  })
})

test('an entry of another log of the same two persons does not take a place in this one', async () => {
  const [ours, theirs] = [await threeCrossings(), await threeCrossings(['four', 'five', 'six'])]
  writeFileSync(ours.log, `${[ours.lines[0], theirs.lines[1], theirs.lines[2]].join('\n')}\n`)
  await assert.rejects(readLog(ours.log), (error: unknown) => error instanceof Fault && error.code === 'E_CUSTODY_LOG')
})

test('every code of custody is raised here', () => {
  const text = readFileSync(new URL(import.meta.url), 'utf8')
  assert.deepEqual(Object.keys(CODES).filter((code) => !text.includes(`'${code}'`)), [])
})
