import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { placeRoles, PROFILES } from '../../src/enclave/site/profile.ts'
import { parseSite } from '../../src/enclave/site/read.ts'
import { namesOn, portsOf, servicesOf } from '../../src/enclave/site/services.ts'
import { ROLES, type Role, type Site } from '../../src/enclave/site/site.ts'
import { siteText } from './enclave-fixture.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUQ1JDgCE+ZAIaMhHaVzxiwJSAECkXym72JF65CUmzl'

function siteWith(roles: readonly (readonly Role[])[], change: object = {}): Site {
  const hosts = roles.map((own, at) => ({ name: `h${at + 1}`, address: `192.0.2.${at + 2}`, port: 22, hostKeys: [KEY], roles: own }))
  return parseSite(siteText({ hosts, ...change }), 'site.yaml')
}

test('each profile places one depot and the proxy everywhere, for every number of hosts it is for', () => {
  for (const profile of PROFILES)
    for (const count of [1, 2, 3, 5, 64]) {
      const fits = { lite: count === 1, standard: count <= 3, scale: count >= 3 }[profile]
      if (!fits) {
        assert.throws(() => placeRoles(profile, count), (error: unknown) => error instanceof Fault && error.code === 'E_SITE_PROFILE')
        continue
      }
      const { roles, objectStore } = placeRoles(profile, count)
      const site = siteWith(roles, { profile, objectStore })
      assert.equal(site.hosts.length, count)
      assert.ok(site.hosts.every((host) => host.roles.includes('proxy') && host.roles.includes('node-exporter')), `${profile} ${count}`)
    }
  assert.deepEqual(placeRoles('scale', 5).roles[4], ['trino-worker', 'proxy', 'node-exporter'])
})

test('what there is one of stands on one host, what is replicated on several', () => {
  const faults = (roles: readonly (readonly Role[])[], change: object = {}): string => {
    try {
      siteWith(roles, change)
      return ''
    } catch (error) {
      assert.ok(error instanceof Fault)
      return (error.detail.faults ?? []).join('\n')
    }
  }
  assert.equal(faults([['depot', 'postgresql'], ['postgresql', 'object-store', 'trino-worker'], ['control-plane', 'trino-worker']]), '')
  assert.match(faults([['depot', 'keycloak'], ['keycloak']]), /2 hosts have the role keycloak/)
  assert.match(faults([['postgresql'], ['keycloak']]), /0 hosts have the role depot/)
  assert.match(faults([['depot', 'object-store'], ['object-store']], { objectStore: 'minio' }), /minio is the light store of one host/)
})

test('every role of services.json is one a host may have, and the other way round', async () => {
  const file = JSON.parse(await readFile(new URL('../../ansible/group_vars/all/services.json', import.meta.url), 'utf8'))
  const named = Object.values(file.services as Record<string, { role?: string }>).flatMap(({ role }) => role ?? [])
  assert.deepEqual([...new Set(named)].sort(), [...ROLES].sort())
})

test('a host needs certificates for itself and for the services of its roles alone', () => {
  assert.deepEqual(servicesOf(['depot', 'postgresql', 'object-store', 'keycloak', 'control-plane']).sort(), [
    'control-plane', 'depot', 'host', 'keycloak', 'object-store', 'postgresql', 'postgresql-exporter',
  ])
  assert.deepEqual(servicesOf([]), ['host'])
  assert.ok(portsOf('depot').includes(8443) && !portsOf('postgresql').includes(15432))
})

test('behind a proxy each service is the host itself; without one, the host that holds it', () => {
  const proxied = siteWith([['depot', 'proxy'], ['postgresql', 'proxy']])
  const [first, second] = proxied.hosts
  assert.ok(first && second)
  const names = namesOn(proxied, first)
  for (const line of ['192.0.2.2 depot.demo.example', '192.0.2.2 postgresql.demo.example', '192.0.2.3 h2.postgresql.demo.example', '192.0.2.2 host.demo.example', '192.0.2.3 h2.host.demo.example'])
    assert.ok(names.includes(line), line)
  assert.equal(names.some((line) => line.includes(' keycloak.')), false)
  assert.ok(namesOn(proxied, second).includes('192.0.2.2 depot.demo.example'))
  const plain = siteWith([['depot'], ['postgresql']])
  assert.ok(plain.hosts[0] && namesOn(plain, plain.hosts[0]).includes('192.0.2.3 postgresql.demo.example'))
})
