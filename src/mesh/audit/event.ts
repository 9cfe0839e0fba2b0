import type { Reader } from '../identity/reader.ts'
import type { CanonicalLabel } from '../labels/label.ts'

/** One access as the log records it, granted or denied, before it becomes an OCSF event. */
export interface Access {
  readonly act: 'search' | 'entry' | 'query' | 'publish' | 'authenticate' | 'destroy-text'
  readonly allowed: boolean
  /** Ids of the policies that decided, or `unknown-product`, `token-refused`. */
  readonly reasons: readonly string[]
  /** Code of what went wrong after the decision: allowed, and yet nothing but this error was answered. */
  readonly failure?: string
  /** Absent when the person could not be established; then only the certificate is known. */
  readonly reader?: Reader
  /** What the connection's certificate says, for every event. */
  readonly connection: Connection
  /** The products touched: opaque id and address. Empty for a search that found nothing. */
  readonly products: readonly { readonly id: string; readonly domain: string; readonly name: string }[]
  /** Label of what was answered, or of what was refused. */
  readonly label?: CanonicalLabel
  readonly records?: number
  /** What a person typed: sealed apart, never in the event. */
  readonly text?: string
}

export interface Connection {
  /** Of the client, as the proxy saw it. */
  readonly address: string
  /** Subject of the client certificate, one line. */
  readonly subject: string
  /** SHA-256, base64url. */
  readonly thumbprint: string
}

/** What stands in every event of this enclave. */
export interface EventOrigin {
  readonly site: string
  /** Which control plane. */
  readonly instance: string
  readonly release: string
  readonly policy: string
  readonly policyVersion: string
}

/** Version of the Open Cybersecurity Schema Framework the events follow. */
const OCSF = '1.3.0'

const CLASSES = {
  search: { class_uid: 6003, class_name: 'API Activity', activity_id: 2, activity_name: 'Read' },
  entry: { class_uid: 6003, class_name: 'API Activity', activity_id: 2, activity_name: 'Read' },
  authenticate: { class_uid: 6003, class_name: 'API Activity', activity_id: 2, activity_name: 'Read' },
  publish: { class_uid: 6005, class_name: 'Datastore Activity', activity_id: 5, activity_name: 'Write' },
  'destroy-text': { class_uid: 6003, class_name: 'API Activity', activity_id: 4, activity_name: 'Delete' },
  query: { class_uid: 6005, class_name: 'Datastore Activity', activity_id: 4, activity_name: 'Query' },
} as const

/**
 * The OCSF event of an access: API Activity (6003) for the catalog, Datastore Activity (6005) for data, with the
 * security_control profile for the decision. What OCSF has no place for (label, label policy, site, clearance) stands
 * in `unmapped`. `sealed` is the digest of the sealed free text.
 */
export function ocsfEvent(access: Access, origin: EventOrigin, id: string, time: Date, sealed?: string): object {
  const kind = CLASSES[access.act]
  const { reader, connection } = access
  const [first] = access.products
  return {
    activity_id: kind.activity_id,
    activity_name: kind.activity_name,
    category_uid: 6,
    category_name: 'Application Activity',
    class_uid: kind.class_uid,
    class_name: kind.class_name,
    type_uid: kind.class_uid * 100 + kind.activity_id,
    severity_id: access.allowed ? 1 : 3,
    time: time.getTime(),
    action_id: access.allowed ? 1 : 2,
    disposition_id: access.allowed ? 1 : 2,
    status_id: access.allowed && access.failure === undefined ? 1 : 2,
    ...(access.failure !== undefined && { status_code: access.failure }),
    status_detail: access.reasons.join(' '),
    metadata: {
      uid: id,
      version: OCSF,
      log_name: 'mesh-access',
      log_provider: origin.instance,
      profiles: ['security_control'],
      product: { name: 'Sallyport control plane', vendor_name: 'Sallyport', version: origin.release },
    },
    actor: {
      user: {
        type_id: 1,
        ...(reader === undefined
          ? { name: connection.subject, uid: connection.thumbprint }
          : { name: reader.name, uid: reader.subject, org: { name: reader.organisation } }),
      },
      ...(reader !== undefined && { session: { uid: reader.token } }),
    },
    src_endpoint: { ip: connection.address },
    ...(kind.class_uid === 6003
      ? {
          api: { operation: access.act, service: { name: access.act === 'destroy-text' ? 'audit' : 'catalog' } },
          resources: access.products.map((product) => ({
            uid: product.id,
            name: `${product.domain}/${product.name}`,
            type: 'data product',
          })),
        }
      : {
          type_id: 2,
          databucket: { uid: first?.id ?? 'unknown', name: first === undefined ? 'unknown' : `${first.domain}/${first.name}` },
        }),
    unmapped: {
      site: origin.site,
      label_policy: { urn: origin.policy, version: origin.policyVersion },
      certificate: { subject: connection.subject, sha256: connection.thumbprint },
      ...(access.label !== undefined && { classification: access.label }),
      ...(reader !== undefined && {
        clearance: reader.clearance,
        caveats: reader.caveats,
        nationality: reader.nationality,
      }),
      ...(access.records !== undefined && { records: access.records }),
      ...(sealed !== undefined && { text_sha384: sealed }),
    },
  }
}
