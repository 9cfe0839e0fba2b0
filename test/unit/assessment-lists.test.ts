/** Revocation lists of a host, real ones, held against the authorities of the site. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { judgeLists } from '../../src/assessment/certificates.ts'
import { newAuthority } from '../../src/enclave/pki/authority.ts'
import { temporary } from './bundle-fixture.ts'
import { later, NOW, organisation, PASSPHRASE } from './pki-fixture.ts'

test('each authority of the site needs a list that is its own and in its time', async (t) => {
  const { files, roots, issuing } = await organisation(t)
  const trust = { roots, issuing, partners: '' }
  const lists = await readFile(files.lists, 'utf8')
  const good = await judgeLists(lists, trust, NOW)
  assert.deepEqual([good.faults, good.seen.length], [[], 2])
  assert.match(good.seen.join(), /number 1, next one due .*, 0 revoked/)

  const none = await judgeLists('', trust, NOW)
  assert.equal(none.faults.length, 2)
  assert.ok(none.faults.every((fault) => /^no list of CN=.* is in force$/.test(fault)))
  const [first = ''] = lists.split(/(?<=END X509 CRL-----\n)/)
  assert.equal((await judgeLists(first, trust, NOW)).faults.length, 1, 'one authority has none')

  const over = await judgeLists(lists, trust, later(4000))
  assert.equal(over.faults.length, 2)
  assert.ok(over.faults.every((fault) => fault.includes('the next one was due on')))

  // Another authority that took the same name.
  const other = await newAuthority(join(await temporary(t), 'ca'), { organisation: 'Demo', passphrase: PASSPHRASE, now: NOW })
  const foreign = await judgeLists(await readFile(other.lists, 'utf8'), trust, NOW)
  assert.equal(foreign.faults.length, 2)
  assert.ok(foreign.faults.every((fault) => fault.includes('key did not sign it')))
})
