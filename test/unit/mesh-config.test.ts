import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/mesh/config.ts'
import type { MeshFault } from '../../src/mesh/fault.ts'

const tls = { key: '/k', certificate: '/c', ca: '/a', crl: '/l' }
const config = {
  site: { id: 's', name: 'n', domain: 'example.test', ceiling: { level: 'SECRET' } },
  instance: 'h1',
  release: { version: '1.0.0', sequence: 100 },
  listen: { address: '0.0.0.0', port: 8443 },
  health: { address: '0.0.0.0', port: 8081 },
  tls,
  identity: {
    issuer: 'https://keycloak.example.test:8444/realms/mesh',
    jwks: 'https://keycloak.example.test:8444/realms/mesh/protocol/openid-connect/certs',
    audience: 'mesh',
    algorithms: ['ES384'],
  },
  database: { host: 'postgresql.example.test', port: 5432, database: 'mesh', user: 'control_plane' },
  objectStore: {
    endpoint: 'https://object-store.example.test:7480',
    region: 'default',
    accessKeyFile: '/x',
    secretKeyFile: '/y',
    auditBucket: 'audit',
  },
  schemaRegistry: {
    url: 'https://schema-registry.example.test:8446',
    token: 'https://keycloak.example.test:8444/realms/mesh/protocol/openid-connect/token',
    client: 'schema-registry-writer',
  },
  audit: { retentionMinutes: 5, signingKey: '/s', instances: '/i', textKeys: '/t' },
}

const faultsOf = (value: unknown): string => {
  try {
    parseConfig(JSON.stringify(value, null, 2), 'config.json')
  } catch (error) {
    assert.equal((error as MeshFault).code, 'E_MESH_CONFIG')
    return ((error as MeshFault).detail.faults ?? []).join('\n')
  }
  return assert.fail('the configuration was accepted')
}

test('a whole configuration is accepted as it stands', () => {
  assert.deepEqual(parseConfig(JSON.stringify(config), 'config.json'), config)
})

test('all faults of a configuration are named with their places', () => {
  const faults = faultsOf({
    ...config,
    tls: { ...tls, key: 'relative.pem' },
    identity: { ...config.identity, issuer: 'http://keycloak', algorithms: ['HS256'] },
    surprise: 1,
  })
  assert.match(faults, /^\d+:\d+ tls\.key: must match pattern/m)
  assert.match(faults, /^\d+:\d+ identity\.issuer: must match pattern/m)
  assert.match(faults, /^\d+:\d+ identity\.algorithms\.0: must be one of ES384/m)
  assert.match(faults, /^\d+:\d+ surprise: is not a known field/m)
})

test('a site without a schema registry says so by leaving it out', () => {
  const { schemaRegistry: _, ...without } = config
  assert.equal(parseConfig(JSON.stringify(without), 'config.json').schemaRegistry, undefined)
  assert.match(faultsOf({ ...config, schemaRegistry: { ...config.schemaRegistry, url: 'http://plain' } }), /schemaRegistry\.url/)
})

test('the name of a control plane is a name of a host', () => {
  assert.match(faultsOf({ ...config, instance: '../h1' }), /^\d+:\d+ instance: must match pattern/m)
})
