import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { readProfile } from '../../src/mesh-client/profile.ts'
import { readRecords } from '../../src/mesh-client/records.ts'
import { table } from '../../src/mesh-client/table.ts'
import { createPki, type Pki } from '../contract/mesh-pki.ts'

let pki: Pki
before(async () => {
  pki = await createPki(['ann', 'bob'])
  pki.files('ann')
  pki.files('bob')
})
after(() => pki.remove())

const place = (name: string): string => join(pki.folder, name)
const nobody = (): Promise<string> => Promise.reject(new Error('no passphrase was to be asked for'))

function profile(name: string, lines: readonly string[]): string {
  const head = ['apiVersion: sallyport/v1', 'kind: profile']
  const urls = ['controlPlane: https://control-plane.example', 'identity: https://keycloak.example:8444']
  writeFileSync(place(name), [...head, ...urls, ...lines, ''].join('\n'))
  return place(name)
}

function own(name: string, content: string, mode = 0o600): string {
  writeFileSync(place(name), content)
  chmodSync(place(name), mode)
  return name
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, `expected a fault, got ${String(error)}`)
  return error
}

test('a profile names its files beside itself', async () => {
  own('ca.txt', pki.caPem)
  own('ann.txt', pki.issue('ann').certificatePem)
  own('ann-key.txt', pki.issue('ann').keyPem)
  const file = profile('good.yaml', ['ca: ca.txt', 'certificate: ann.txt', 'key: ann-key.txt', 'addresses: {a.example: 192.0.2.1}'])
  const read = await readProfile(file, nobody)
  assert.equal(read.identity.port, '8444')
  assert.equal(read.addresses['a.example'], '192.0.2.1')
})

test('every fault of a profile is named at once, with its line', async () => {
  const file = place('bad.yaml')
  writeFileSync(file, 'apiVersion: sallyport/v1\nkind: profile\ncontrolPlane: http://plain\naddresses: {a: somewhere}\nsurprise: 1\n')
  const { code, detail } = await faultOf(readProfile(file, nobody))
  assert.equal(code, 'E_PROFILE')
  const text = detail.faults?.join('\n') ?? ''
  for (const part of ['3:15 controlPlane', 'identity', '“ca”', '“certificate”', '“key”', 'addresses.a', 'surprise']) {
    assert.ok(text.includes(part), `${part} is missing in\n${text}`)
  }
})

test('files that are missing or open to others are all named', async () => {
  own('open.txt', pki.issue('ann').keyPem, 0o644)
  const file = profile('open.yaml', ['ca: nowhere.txt', 'certificate: ann.txt', 'key: open.txt'])
  const { code, detail } = await faultOf(readProfile(file, nobody))
  assert.equal(code, 'E_PROFILE')
  assert.match(detail.faults?.join('\n') ?? '', /nowhere\.txt[^]*mode 644/)
})

test('a key of another certificate, and a certificate out of its time, are refused', async () => {
  own('bob-key.txt', pki.issue('bob').keyPem)
  const file = profile('other.yaml', ['ca: ca.txt', 'certificate: ann.txt', 'key: bob-key.txt'])
  const inTenYears = new Date(Date.now() + 10 * 365 * 86_400_000)
  const { code, detail } = await faultOf(readProfile(file, nobody, inTenYears))
  assert.equal(code, 'E_PROFILE')
  assert.deepEqual(detail.faults?.map((fault) => fault.split(':')[0]), ['key', 'certificate'])
})

test('an encrypted key needs its passphrase, and says so when it is another', async () => {
  const key = createPrivateKey(pki.issue('ann').keyPem)
  const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
  own('sealed.txt', String(pem), 0o644)
  const file = profile('sealed.yaml', ['ca: ca.txt', 'certificate: ann.txt', 'key: sealed.txt'])
  assert.ok((await readProfile(file, () => Promise.resolve('right'))).key.equals(key))
  const { code, detail } = await faultOf(readProfile(file, () => Promise.resolve('wrong')))
  assert.equal(code, 'E_PROFILE')
  assert.match(detail.found ?? '', /passphrase/)
})

test('records come from files in the order of their names; what is no record is named with its line', async () => {
  mkdirSync(place('data'))
  own('data/2.jsonl', '{"n":3}\n\n{"n":4}\n')
  own('data/1.json', '[{"n":1},{"n":2}]')
  own('data/readme.txt', 'not data')
  assert.deepEqual(
    (await readRecords(place('data'))).map((record) => record['n']),
    [1, 2, 3, 4],
  )
  own('data/3.ndjson', '{"n":5}\n[1]\n{"n":\n')
  const { code, detail } = await faultOf(readRecords(place('data')))
  assert.equal(code, 'E_DATA')
  assert.equal(detail.faults?.length, 2)
  assert.ok(detail.faults?.some((fault) => fault.includes('3.ndjson:2')) && detail.faults.some((fault) => fault.includes('3.ndjson:3')))
})

test('a table shows what a record holds without obeying it', () => {
  const text = table(['a', 'b'], [['x', '\u001b[2J\u202eSECRET\u200b\n'], ['yy', null]])
  assert.equal(
    text,
    ['a   b', `--  ${'-'.repeat(36)}`, 'x   \\u{1b}[2J\\u{202e}SECRET\\u{200b}\\u{a}', 'yy'].join('\n'),
  )
  assert.ok(table(['a'], [['z'.repeat(200)]]).endsWith(`${'z'.repeat(59)}…`))
})
