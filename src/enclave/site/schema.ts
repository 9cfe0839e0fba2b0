import { PROFILES } from './profile.ts'
import { MAX_STRETCH_DAYS, ROLES } from './site.ts'

const text = { type: 'string', minLength: 1, maxLength: 400 }
const name = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }
const file = { type: 'string', pattern: '^(?!/)[^\\u0000-\\u001f]+$' }

const email = { type: 'string', pattern: '^[^\\s@]+@[^\\s@]+$' }
const nation = { type: 'string', pattern: '^[A-Z]{3}$' }
const personId = { type: 'string', pattern: '^[a-z][a-z0-9._-]{0,63}$' }

function record(required: Record<string, unknown>, optional: Record<string, unknown> = {}) {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(required),
    properties: { ...required, ...optional },
  }
}

/** JSON Schema (draft-07) of site.yaml; what it cannot say (one depot, known levels) is checked by the reader. */
export const SITE_SCHEMA = record({
  apiVersion: { const: 'sallyport/v1' },
  kind: { const: 'site' },
  id: { type: 'string', format: 'uuid' },
  name,
  domain: { type: 'string', maxLength: 200, pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$' },
  ceiling: text,
  labels: record({
    policy: { type: 'string', pattern: '^urn:[^\\s]+$' },
    version: text,
    levels: { type: 'array', minItems: 1, maxItems: 16, uniqueItems: true, items: text },
  }),
  trust: record({ policy: file, sha512: { type: 'string', pattern: '^[0-9a-f]{128}$' } }),
  operator: record({ user: { const: 'root' } }, { identity: text }),
  hosts: {
    type: 'array',
    minItems: 1,
    maxItems: 64,
    items: record({
      name,
      address: { type: 'string', anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
      port: { type: 'integer', minimum: 1, maximum: 65535 },
      hostKeys: {
        type: 'array',
        minItems: 1,
        maxItems: 8,
        items: { type: 'string', pattern: '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$' },
      },
      roles: { type: 'array', uniqueItems: true, items: { enum: [...ROLES] } },
    }),
  },
  pki: record(
    {
      mode: { enum: ['delegated-ca', 'waiting-for-certificates'] },
      roots: file,
      days: { type: 'integer', minimum: 1, maximum: 825 },
    },
    {
      issuing: record({ certificate: file, key: file }),
      identity: { enum: ['dns', 'spiffe'] },
      crl: record({ stale: { enum: ['refuse', 'continue'] }, days: { type: 'integer', minimum: 0, maximum: 3650 } }),
      partners: { type: 'array', maxItems: 64, items: record({ name, nation, certificate: file }) },
    },
  ),
  backup: record({
    directory: { type: 'string', pattern: '^/[A-Za-z0-9._/-]+$' },
    keep: { type: 'integer', minimum: 1, maximum: 100 },
  }),
  validUntil: record({
    stretchDays: { type: 'integer', minimum: 0, maximum: MAX_STRETCH_DAYS },
    reason: text,
  }),
  audit: record({ retentionDays: { type: 'number', exclusiveMinimum: 0, maximum: 36500 } }),
  people: {
    type: 'array',
    maxItems: 100000,
    items: record(
      {
        id: personId,
        name: text,
        clearance: text,
        caveats: { type: 'array', uniqueItems: true, items: text },
        nationality: nation,
        organisation: text,
      },
      { domain: name, operator: { type: 'boolean' }, partner: name, subject: text, login: { enum: ['certificate', 'otp'] } },
    ),
  },
}, {
  profile: { enum: [...PROFILES] },
  objectStore: { enum: ['ceph', 'minio'] },
  identity: record({}, {
    authority: text,
    ldap: record({
      url: { type: 'string', pattern: '^ldaps?://[A-Za-z0-9.\\[\\]:-]+/?$' },
      baseDn: text,
      bindDn: text,
      ca: file,
      usernameAttribute: text,
      attributes: record({}, { clearance: text, caveats: text, nationality: text, organisation: text }),
    }),
    breakGlass: record(
      { holders: { type: 'array', minItems: 1, maxItems: 16, uniqueItems: true, items: personId } },
      { certificates: { type: 'array', maxItems: 16, uniqueItems: true, items: file } },
    ),
  }),
  alerts: record({}, {
    mail: record({
      relay: { type: 'string', pattern: '^[A-Za-z0-9.:\\[\\]-]+:[0-9]{1,5}$' },
      from: email,
      to: { type: 'array', minItems: 1, maxItems: 64, uniqueItems: true, items: email },
    }),
    webhook: record({ url: { type: 'string', pattern: '^https?://[^\\s]+$' } }),
  }),
})
