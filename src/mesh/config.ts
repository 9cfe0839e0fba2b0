import { readFile } from 'node:fs/promises'
import { fault } from './codes.ts'
import { parserOf } from './input/parse.ts'
import type { TlsFiles } from './tls/material.ts'

/** The control plane's configuration file, `/etc/control-plane/config.json` in its container. Paths are absolute. */
export interface MeshConfig {
  readonly site: {
    /** Stays the same for the life of the enclave; stands in every audit event. */
    readonly id: string
    readonly name: string
    /** DNS domain of the services, `example.mil`. */
    readonly domain: string
    /** No label above it is accepted: level name of the label policy, and the categories accredited (absent: all). */
    readonly ceiling: { readonly level: string; readonly categories?: readonly string[] }
  }
  /** Name of this control plane among those of the site, for life: its host's. Its part of the audit log bears it. */
  readonly instance: string
  readonly release: { readonly version: string; readonly sequence: number }
  /** The API, plain HTTP behind the proxy that ends mTLS; reachable for that proxy alone. */
  readonly listen: { readonly address: string; readonly port: number }
  /** Health and metrics, plain HTTP; publish it on the host's loopback alone. */
  readonly health: { readonly address: string; readonly port: number }
  /** What this service shows every other one, and whom it believes. Read again when the files change. */
  readonly tls: TlsFiles
  readonly identity: {
    /** Exact `iss` of the tokens. */
    readonly issuer: string
    /** https URL of the realm's keys. */
    readonly jwks: string
    /** Required member of `aud`. */
    readonly audience: string
    readonly algorithms: readonly ('ES384' | 'ES256' | 'PS256' | 'PS384' | 'PS512')[]
  }
  readonly database: {
    /** A directory means the Unix socket in it, where no certificate is shown. */
    readonly host: string
    readonly port: number
    readonly database: string
    readonly user: string
  }
  readonly objectStore: {
    /** `https://object-store.<domain>:7480` */
    readonly endpoint: string
    readonly region: string
    /** Files that hold the S3 access key and secret key, nothing else but an optional final newline. */
    readonly accessKeyFile: string
    readonly secretKeyFile: string
    /** Bucket made with object lock; the control plane makes it when it does not exist. */
    readonly auditBucket: string
  }
  /** The scale-out query engine; absent on a site without one. `https://trino.<domain>:8445` */
  readonly trino?: { readonly url: string }
  /** Folder of DuckDB's extensions `avro` and `iceberg`; absent means the one that the image brings. */
  readonly extensions?: string
  /** Absent on a site without one: then no version of a contract is held against the one before it. */
  readonly schemaRegistry?: {
    /** `https://schema-registry.<domain>:8446` */
    readonly url: string
    /** Where it gets the token that lets it write, by its certificate: the realm's token endpoint. */
    readonly token: string
    readonly client: string
  }
  readonly audit: {
    /** COMPLIANCE retention of each log object. The site decides: years in service, minutes in a demo. */
    readonly retentionMinutes: number
    /** P-384 private key (PKCS#8 PEM) that signs tree heads, and only those. */
    readonly signingKey: string
    /** Folder of the public keys of the site's control planes, past and present: `<instance>.pem`. */
    readonly instances: string
    /**
     * Writable directory (0700) of what the log keeps on this host: the keys of free text by product and day, and the
     * last signed head. Never backed up nor restored: a destroyed key stays destroyed, the head never goes back.
     */
    readonly textKeys: string
  }
  /** Files of the image: absent means the ones the image brings. */
  readonly labelPolicy?: string
  readonly governance?: string
  readonly migrations?: string
  readonly limits?: Partial<Limits>
}

export interface Limits {
  /** Bytes of one publish request. */
  readonly publishBytes: number
  readonly queryRows: number
  /** Bytes of one answer. */
  readonly queryBytes: number
  readonly querySeconds: number
  /** DuckDB's memory for one query. */
  readonly queryMegabytes: number
  readonly queryConcurrency: number
  readonly queryQueue: number
}

export const DEFAULT_LIMITS: Limits = {
  publishBytes: 64 * 1024 * 1024,
  queryRows: 10_000,
  queryBytes: 16 * 1024 * 1024,
  querySeconds: 20,
  queryMegabytes: 256,
  queryConcurrency: 2,
  queryQueue: 32,
}

const path = { type: 'string', pattern: '^/' } as const
const text = { type: 'string', minLength: 1 } as const
const https = { type: 'string', pattern: '^https://' } as const
const port = { type: 'integer', minimum: 0, maximum: 65535 } as const
const count = { type: 'integer', minimum: 1 } as const

const strict = (properties: Record<string, unknown>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  additionalProperties: false,
})

const tls = strict({ key: path, certificate: path, ca: path, crl: path }, ['crl'])

const SCHEMA = strict(
  {
    site: strict({
      id: text,
      name: text,
      domain: { type: 'string', format: 'hostname' },
      ceiling: strict({ level: text, categories: { type: 'array', items: text } }, ['categories']),
    }),
    instance: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
    release: strict({ version: text, sequence: { type: 'integer', minimum: 0 } }),
    listen: strict({ address: text, port }),
    health: strict({ address: text, port }),
    tls,
    identity: strict({
      issuer: https,
      jwks: https,
      audience: text,
      algorithms: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { enum: ['ES384', 'ES256', 'PS256', 'PS384', 'PS512'] },
      },
    }),
    database: strict({ host: text, port, database: text, user: text }),
    objectStore: strict({
      endpoint: https,
      region: text,
      accessKeyFile: path,
      secretKeyFile: path,
      auditBucket: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{2,62}$' },
    }),
    trino: strict({ url: https }),
    extensions: path,
    schemaRegistry: strict({ url: https, token: https, client: text }),
    audit: strict({ retentionMinutes: count, signingKey: path, instances: path, textKeys: path }),
    labelPolicy: path,
    governance: path,
    migrations: path,
    limits: {
      type: 'object',
      properties: Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((key) => [key, count])),
      additionalProperties: false,
    },
  },
  ['trino', 'extensions', 'schemaRegistry', 'labelPolicy', 'governance', 'migrations', 'limits'],
)

const parse = parserOf<MeshConfig>(SCHEMA)

/** Reads the configuration (JSON or YAML). Throws E_MESH_CONFIG with every fault and its line. */
export function parseConfig(text: string, source: string): MeshConfig {
  const { value, faults } = parse(text)
  if (value === undefined || faults.length > 0) throw fault('E_MESH_CONFIG', `${source} is not a valid configuration`, { faults })
  return value
}

export async function readConfig(file: string): Promise<MeshConfig> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw fault('E_MESH_CONFIG', `cannot read the configuration ${file}`, { found: String(cause), cause })
  })
  return parseConfig(content, file)
}
