import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { codeOf } from '../../src/token/tool.ts'
import { parseTokenUri } from '../../src/token/uri.ts'

test('a PKCS#11 URI says which token, which key, which module', () => {
  const text = 'pkcs11:token=My%20token;serial=0042;slot-id=7;object=sign%3bkey;id=%00%ffA;type=private?module-path=/usr/lib/m.so&pin-source=file:///run/pin&x-key-folder=keys/alice'
  assert.deepEqual(parseTokenUri(text), {
    text,
    token: { token: 'My token', serial: '0042' },
    slot: 7,
    object: 'sign;key',
    id: '00ff41',
    module: '/usr/lib/m.so',
    pinFile: '/run/pin',
    folder: 'keys/alice',
  })
  assert.equal(parseTokenUri('pkcs11:object=%C3%A9?pin-source=file:/run/pin').object, 'é')
  assert.equal(parseTokenUri('pkcs11:object=a?pin-source=file:/run/pin').pinFile, '/run/pin')
})

test('what is not understood whole is refused, each fault by name', () => {
  for (const [text, fault] of [
    ['pkcs12:object=a', /does not begin/],
    ['pkcs11:token=a', /names no key/],
    ['pkcs11:object=a;object=b', /object stands twice/],
    ['pkcs11:object=a;library-version=3', /"library-version" is not understood/],
    ['pkcs11:object=a;x-other=3', /"x-other" is not understood/],
    ['pkcs11:object=a?module-name=m', /"module-name" is not understood/],
    ['pkcs11:object=a;type=cert', /only a private key/],
    ['pkcs11:object=a;slot-id=x', /slot-id is no number/],
    ['pkcs11:object=a?module-path=m.so', /module-path is not absolute/],
    ['pkcs11:object=a?pin-source=|/bin/sh', /pin-source is not/],
    ['pkcs11:object=a%0Ab', /control character/],
    ['pkcs11:object=a%2', /%XX/],
    ['pkcs11:object=', /object has no value/],
    ['pkcs11:object', /object has no value/],
    ['pkcs11:object=a?x-key-folder=b?c', /more than one \?/],
    ['pkcs11:object=a b', /printable ASCII/],
    [`pkcs11:object=${'a'.repeat(2048)}`, /longer than 2048/],
  ] as const)
    assert.throws(() => parseTokenUri(text), (error: unknown) => error instanceof Fault && error.code === 'E_TOKEN_URI' && fault.test(error.detail.faults?.join('\n') ?? ''), text)
})

test('a PIN in a URI is refused and not repeated', () => {
  for (const text of ['pkcs11:object=a?pin-value=27182818', 'pkcs11:object=a?module-path=/m.so&pin-value=27182818', 'pkcs11:object=a;pin-value=27182818'])
    assert.throws(() => parseTokenUri(text), (error: unknown) => error instanceof Fault && error.code === 'E_TOKEN_URI' && /holds a PIN/.test(error.message) && !JSON.stringify([error.message, error.detail]).includes('27182818'), text)
})

test('each answer of a module is a code of the closed set', () => {
  for (const [answer, code] of [
    ['CKR_PIN_INCORRECT (0xa0)', 'E_TOKEN_PIN'],
    ['CKR_PIN_LEN_RANGE (0xa2)', 'E_TOKEN_PIN'],
    ['CKR_PIN_LOCKED (0xa4)', 'E_TOKEN_LOCKED'],
    ['CKR_PIN_EXPIRED (0xa3)', 'E_TOKEN_LOCKED'],
    ['CKR_DEVICE_REMOVED (0x32)', 'E_TOKEN_ABSENT'],
    ['CKR_TOKEN_NOT_PRESENT (0xe0)', 'E_TOKEN_ABSENT'],
    ['CKR_KEY_FUNCTION_NOT_PERMITTED (0x68)', 'E_TOKEN_FORBIDS'],
    ['CKR_MECHANISM_INVALID (0x70)', 'E_TOKEN_ALGORITHM'],
    ['CKR_DEVICE_ERROR (0x30)', 'E_TOKEN_FAILED'],
    ['CKR_GENERAL_ERROR (0x5)', 'E_TOKEN_FAILED'],
  ] as const)
    assert.equal(codeOf(`error: PKCS11 function C_Sign failed: rv = ${answer}\nAborting.\n`), code)
})
