import { readFile } from 'node:fs/promises'
import { fault } from './codes.ts'
import { parserOf } from './input/parse.ts'

/** A key pair and the authorities a service trusts: paths of PEM files. */
export interface TlsFiles {
  /** PKCS#8, unencrypted, readable by the service's uid only. */
  readonly key: string
  /** Leaf first, then the chain. */
  readonly certificate: string
  /** The organisation's root certificates. */
  readonly ca: string
}

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
  readonly release: { readonly version: string; readonly sequence: number }
  /** The mTLS API. `address` is 0.0.0.0 inside a container with a bridge network. */
  readonly listen: { readonly address: string; readonly port: number }
  /** Plain HTTP, health only; publish it on the host's loopback alone. */
  readonly health: { readonly address: string; readonly port: number }
  readonly tls: TlsFiles
  readonly identity: {
    /** Exact `iss` of the tokens. */
    readonly issuer: string
    /** https URL of the realm's keys. */
    readonly jwks: string
    /** Required member of `aud`. */
    readonly audience: string
    readonly algorithms: readonly ('ES384' | 'ES256' | 'PS256' | 'PS384' | 'PS512')[]
    readonly ca: string
  }
  readonly database: {
    readonly host: string
    readonly port: number
    readonly database: string
    readonly user: string
    /** Client certificate (CN = user). Absent only on a Unix socket: then `host` is its directory. */
    readonly tls?: TlsFiles
  }
  readonly objectStore: {
    /** `https://object-store.<domain>:7480` */
    readonly endpoint: string
    readonly region: string
    /** Files that hold the S3 access key and secret key, nothing else but an optional final newline. */
    readonly accessKeyFile: string
    readonly secretKeyFile: string
    readonly ca: string
    /** Bucket made with object lock; the control plane makes it when it does not exist. */
    readonly auditBucket: string
  }
  readonly audit: {
    /** COMPLIANCE retention of each log object. The site decides: years in service, minutes in a demo. */
    readonly retentionMinutes: number
    /** P-384 private key (PKCS#8 PEM) that signs tree heads, and only those. */
    readonly signingKey: string
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

const tls = strict({ key: path, certificate: path, ca: path })

const SCHEMA = strict(
  {
    site: strict({
      id: text,
      name: text,
      domain: { type: 'string', format: 'hostname' },
      ceiling: strict({ level: text, categories: { type: 'array', items: text } }, ['categories']),
    }),
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
      ca: path,
    }),
    database: strict({ host: text, port, database: text, user: text, tls }, ['tls']),
    objectStore: strict({
      endpoint: https,
      region: text,
      accessKeyFile: path,
      secretKeyFile: path,
      ca: path,
      auditBucket: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{2,62}$' },
    }),
    audit: strict({ retentionMinutes: count, signingKey: path, textKeys: path }),
    labelPolicy: path,
    governance: path,
    migrations: path,
    limits: {
      type: 'object',
      properties: Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((key) => [key, count])),
      additionalProperties: false,
    },
  },
  ['labelPolicy', 'governance', 'migrations', 'limits'],
)

const parse = parserOf<MeshConfig>(SCHEMA)

/** Reads the configuration (JSON or YAML). Throws E_MESH_CONFIG with every fault and its line. */
export function parseConfig(text: string, source: string): MeshConfig {
  const { value, faults, at } = parse(text)
  const found = [...faults]
  if (value !== undefined && value.database.tls === undefined && !value.database.host.startsWith('/')) {
    found.push(`${at(['database'])} database: lacks “tls”: only a Unix socket may do without a certificate`)
  }
  if (value === undefined || found.length > 0) {
    throw fault('E_MESH_CONFIG', `${source} is not a valid configuration`, { faults: found })
  }
  return value
}

export async function readConfig(file: string): Promise<MeshConfig> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw fault('E_MESH_CONFIG', `cannot read the configuration ${file}`, { found: String(cause), cause })
  })
  return parseConfig(content, file)
}
