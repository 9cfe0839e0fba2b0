import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'
import { verifyVolume } from '../../src/bundle/volumes/verify.ts'
import { NOW } from './bundle-fixture.ts'
import { copyOf, snapshot, workplace } from './volumes-fixture.ts'

const crLf = (text: string): string => text.replaceAll(/\r?\n/g, '\r\n')
const lf = (text: string): string => text.replaceAll('\r\n', '\n')

async function changed(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, 'latin1')
  await writeFile(path, Buffer.from(change(before), 'latin1'))
  assert.notEqual(await readFile(path, 'latin1'), before)
}

async function said(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => assert.fail('it was not refused'),
    (error: Fault) => [error.code, error.message, ...(error.detail.faults ?? [])].join('\n'),
  )
}

test('text files whose line ends were changed on the way are named, and so is what happened to them', async (t) => {
  const { pack, take, bundle, directory, policy } = await workplace(t, { 'notes.txt': Buffer.from('one\ntwo\n') })
  const { paths } = await pack('set')
  const trust = { policy, now: NOW }
  const volume = async (name: string, file: string, change: (text: string) => string) => {
    const copy = await copyOf(paths[0] ?? '', join(directory, name))
    await changed(join(copy, file), change)
    return copy
  }
  const AS_TEXT = 'CR LF line ends instead of LF: something copied it as text'
  assert.match(await said(verifyVolume(await volume('listing', 'volume.json', crLf), trust)), new RegExp(`^E_SIGNATURE_INVALID[^]*${AS_TEXT}`))
  assert.match(await said(verifyVolume(await volume('sums', 'SHA512SUMS', crLf), trust)), new RegExp(`E_FILE_ALTERED[^]*SHA512SUMS[^]*${AS_TEXT}`))
  assert.match(await said(verifyVolume(await volume('readme', 'README.TXT', lf), trust)), /README\.TXT has \d+ bytes instead of \d+: it has LF line ends instead of CR LF/)
  assert.match(await said(take([await volume('contents', 'contents.json', crLf)], 'a')), new RegExp(`E_FILE_ALTERED[^]*contents\\.json[^]*${AS_TEXT}`))
  assert.match(await said(take([await volume('statement', 'bundle/bundle.json', (text) => text.trimEnd())], 'b')), /bundle\/bundle\.json[^]*no line end after its last line/)
  // The readme of a volume is not needed: it is taken all the same, and said.
  const done = await take([await volume('readme-only', 'README.TXT', lf)], 'c')
  assert.match(done.notices.join('\n'), /README\.TXT has \d+ bytes.*LF line ends/)

  const whole = async (name: string, file: string, change: (text: string) => string) => {
    const copy = await copyOf(bundle, join(directory, name))
    await changed(join(copy, file), change)
    return said(verifyBundle(copy, { ...trust, act: 'import' }))
  }
  assert.match(await whole('w1', 'bundle.json', crLf), new RegExp(`E_SIGNATURE_INVALID[^]*${AS_TEXT}`))
  assert.match(await whole('w2', 'SHA512SUMS', crLf), new RegExp(`E_SUMS_CHANGED[^]*${AS_TEXT}`))
  assert.match(await whole('w3', 'docs/runbook.md', crLf), new RegExp(`docs/runbook\\.md[^]*${AS_TEXT}`))
  assert.doesNotMatch(await whole('w4', 'docs/runbook.md', (text) => `${crLf(text)}more`), /copied it as text/)
})

test('a text file with CR LF, and without a last line end, comes through as it is', async (t) => {
  const odd = { 'crlf.txt': Buffer.from('a\r\nb\r\nc'), 'mixed.txt': Buffer.from('a\nb\r\n\r\rc\n\n'), 'bom.txt': Buffer.from('\ufeffa\n'), 'large.txt': Buffer.from('word of a line\r\n'.repeat(430_000)).subarray(0, -2) }
  const { pack, take, bundle } = await workplace(t, odd)
  const { paths } = await pack('set')
  assert.deepEqual(await snapshot((await take([paths[0] ?? ''])).directory), await snapshot(bundle))
})
