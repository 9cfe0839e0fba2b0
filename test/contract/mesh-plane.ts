import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { MeshConfig } from '../../src/mesh/config.ts'
import { serve } from '../../src/mesh/serve.ts'
import type { Running } from '../../src/mesh/serve.ts'
import type { SchemaRegistry } from '../../src/mesh/schemas/registry.ts'
import type { ExtensionFactory } from '../../src/mesh/services.ts'
import type { ObjectStore } from '../../src/mesh/storage/object-store.ts'
import { duckdbExtensions } from './duckdb-extensions.ts'
import type { Pki } from './mesh-pki.ts'

const EXTENSIONS = await duckdbExtensions()

export const IMAGE = fileURLToPath(new URL('../../bundles/mesh/images/control-plane/', import.meta.url))

/** An issuer of tokens in the shape Keycloak gives them, with its keys behind TLS. */
export interface Issuer {
  readonly identity: MeshConfig['identity']
  token(person: string, claims: Record<string, unknown>): Promise<string>
  stop(): Promise<void>
}

export async function startIssuer(pki: Pki): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES384')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES384', use: 'sig' }
  const { keyPem, certificatePem } = pki.issue('localhost')
  // As the proxy does it: a certificate is asked for and not demanded, and one that is shown must be the organisation's.
  const server = createServer({ key: keyPem, cert: certificatePem, ca: pki.caPem, requestCert: true }, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [jwk] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const issuer = `https://localhost:${port}/realms/mesh`
  return {
    identity: {
      issuer,
      jwks: `${issuer}/protocol/openid-connect/certs`,
      audience: 'control-plane',
      algorithms: ['ES384', 'PS256'],
    },
    token(person, claims) {
      const { thumbprint } = pki.issue(person)
      const now = Math.floor(Date.now() / 1000)
      const payload = {
        iss: issuer,
        aud: ['control-plane'],
        sub: `sub-${person}`,
        jti: randomUUID(),
        iat: now,
        exp: now + 300,
        preferred_username: person,
        cnf: { 'x5t#S256': thumbprint },
        ...claims,
      }
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES384', kid: 'k1', typ: 'JWT' }).sign(privateKey)
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Parsed JSON that a test looks into; what is not there shows up as a failed assertion. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any

export interface Reply {
  readonly status: number
  readonly text: string
  readonly body: Json
}

export interface Plane extends Running {
  readonly config: MeshConfig
  /** One request as the proxy hands it on, with this person's certificate and token; undefined sends none. */
  ask(method: 'GET' | 'POST', path: string, who: { certificate?: string; token?: string }, body?: unknown): Promise<Reply>
}

export interface PlaneOptions {
  readonly pki: Pki
  readonly issuer: Issuer
  readonly database: MeshConfig['database']
  readonly store: ObjectStore
  readonly ceiling?: string
  readonly migrations?: string
  readonly extensions?: readonly ExtensionFactory[]
  readonly limits?: MeshConfig['limits']
  /** Stays the same when a control plane is started anew on the same services. */
  readonly state?: string
  /** Which of the site's control planes; each has its own audit key. */
  readonly instance?: Instance
  readonly registry?: SchemaRegistry
}

export const INSTANCES = ['h1', 'h2'] as const
export type Instance = (typeof INSTANCES)[number]

const keyOf = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
export const AUDIT_KEYS: Readonly<Record<Instance, KeyObject>> = { h1: keyOf(), h2: keyOf() }

export function planeConfig(options: PlaneOptions): MeshConfig {
  const { pki, issuer, database, ceiling = 'TOP SECRET', migrations, limits, state, instance = 'h1', registry } = options
  const instances = join(pki.folder, 'instances')
  mkdirSync(instances, { recursive: true })
  for (const name of INSTANCES) {
    writeFileSync(join(instances, `${name}.pem`), createPublicKey(AUDIT_KEYS[name]).export({ type: 'spki', format: 'pem' }))
  }
  const signingKey = join(pki.folder, `${instance}.audit.pem`)
  writeFileSync(signingKey, AUDIT_KEYS[instance].export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return {
    site: { id: 'site-1', name: 'Test', domain: 'example.test', ceiling: { level: ceiling } },
    instance,
    release: { version: '1.0.0', sequence: 100 },
    listen: { address: '127.0.0.1', port: 0 },
    health: { address: '127.0.0.1', port: 0 },
    tls: pki.files('control-plane'),
    identity: issuer.identity,
    database,
    objectStore: {
      endpoint: 'https://localhost:1',
      region: 'default',
      accessKeyFile: '/dev/null',
      secretKeyFile: '/dev/null',
      auditBucket: 'audit',
    },
    ...(registry !== undefined && {
      schemaRegistry: { url: 'https://localhost:1', token: 'https://localhost:1', client: 'schema-registry-writer' },
    }),
    audit: { retentionMinutes: 5, signingKey, instances, textKeys: state ?? join(pki.folder, `state-${randomUUID()}`) },
    extensions: EXTENSIONS,
    ...(migrations !== undefined && { migrations }),
    ...(limits !== undefined && { limits }),
  }
}

export async function startPlane(options: PlaneOptions): Promise<Plane> {
  const { pki, store, extensions = [], registry } = options
  const config = planeConfig(options)
  const running = await serve(
    {
      config,
      files: IMAGE,
      program: join(IMAGE, 'main.ts'),
      extensions,
      openStore: async () => store,
      ...(registry !== undefined && { openRegistry: () => registry }),
      log: () => undefined,
    },
    AbortSignal.timeout(60_000),
  )
  return {
    ...running,
    config,
    ask: (method, path, { certificate, token }, body) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body)
        const call = request(
          {
            host: '127.0.0.1',
            port: running.port,
            method,
            path,
            agent: false,
            headers: {
              ...(certificate !== undefined && { 'x-forwarded-client-cert': forwarded(pki, certificate) }),
              'x-forwarded-for': '198.51.100.77, 192.0.2.33',
              ...(token !== undefined && { authorization: `Bearer ${token}` }),
              ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            },
          },
          (answer) => {
            const parts: Buffer[] = []
            answer.on('data', (part: Buffer) => parts.push(part))
            answer.on('end', () => {
              const whole = Buffer.concat(parts).toString()
              resolve({ status: answer.statusCode ?? 0, text: whole, body: whole === '' ? undefined : JSON.parse(whole) })
            })
          },
        )
        call.on('error', reject)
        call.end(text)
      }),
  }
}

/** What Envoy writes with SANITIZE_SET for a person's certificate. */
function forwarded(pki: Pki, name: string): string {
  const { certificatePem, thumbprint } = pki.issue(name)
  const hash = Buffer.from(thumbprint, 'base64url').toString('hex')
  return `By=;Hash=${hash};Cert="${encodeURIComponent(certificatePem)}";Subject="CN=${name}";URI=`
}

/** What the people of the demonstration hold. */
export const PEOPLE = {
  'geoint-publisher': {
    clearance: 'TOP SECRET',
    caveats: ['AZURE'],
    nationality: 'USA',
    organisation: 'GEOINT cell',
    domain: 'geoint',
  },
  'secret-analyst': { clearance: 'SECRET', caveats: ['AZURE'], nationality: 'GBR', organisation: 'All-source cell' },
  'coalition-analyst': { clearance: 'SECRET', caveats: [], nationality: 'FRA', organisation: 'Liaison' },
  'top-secret-analyst': { clearance: 'TOP SECRET', caveats: ['AZURE', 'CINDER'], nationality: 'USA', organisation: 'National cell' },
} as const

export type Person = keyof typeof PEOPLE
