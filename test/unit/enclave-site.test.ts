import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { parseSite } from '../../src/enclave/site/read.ts'
import { siteText } from './enclave-fixture.ts'

function faultsOf(text: string): { code: string; faults: readonly string[] } {
  try {
    parseSite(text, 'site.yaml')
  } catch (error) {
    assert.ok(error instanceof Fault)
    return { code: error.code, faults: error.detail.faults ?? [] }
  }
  return { code: 'none', faults: [] }
}

test('a site that fits is read', () => {
  assert.equal(parseSite(siteText(), 'site.yaml').hosts[0]?.roles[0], 'depot')
})

test('every fault is named at once, each with line and column', () => {
  const text = siteText({ kind: 'place', validUntil: { stretchDays: 4000, reason: 'r' }, surprise: 1 }).replace('port: 22', 'port: 0')
  const { code, faults } = faultsOf(text)
  assert.equal(code, 'E_SITE_INVALID')
  for (const part of ['kind: must be site', 'validUntil.stretchDays', 'surprise: is not known', 'hosts.0.port'])
    assert.ok(faults.some((fault) => fault.includes(part) && /^site\.yaml:\d+:\d+ /.test(fault)), `${part} in ${faults.join('; ')}`)
  const line = text.split('\n').findIndex((one) => one.startsWith('kind:')) + 1
  assert.ok(faults.some((fault) => fault.startsWith(`site.yaml:${line}:1 kind`)))
})

test('what the schema cannot say is said too', () => {
  const host = { address: '192.0.2.10', port: 22, hostKeys: ['ssh-ed25519 AAAA'], roles: ['depot'] }
  const person = { id: 'ana', name: 'Ana', clearance: 'COSMIC', caveats: [], nationality: 'USA', organisation: 'Org' }
  const { faults } = faultsOf(siteText({ ceiling: 'COSMIC', hosts: [{ name: 'a', ...host }, { name: 'b', ...host }], people: [person, person] }))
  for (const part of ['ceiling: must be one of', 'hosts.1.address: is taken', '2 hosts have the role depot', 'people.1.id: is taken', 'people.0.clearance'])
    assert.ok(faults.some((fault) => fault.includes(part)), `${part} in ${faults.join('; ')}`)
})

test('text that is not YAML, or says a key twice, is refused with its place', () => {
  assert.match(faultsOf('name: [').faults[0] ?? '', /^site\.yaml:1:\d+ /)
  assert.match(faultsOf(`${siteText()}name: other\n`).faults[0] ?? '', /unique|duplicate/i)
})

test('a delegated CA needs its files', () => {
  const { faults } = faultsOf(siteText({ pki: { mode: 'delegated-ca', roots: 'root.pem', days: 30 } }))
  assert.ok(faults.some((fault) => fault.includes('issuing.certificate')))
})
