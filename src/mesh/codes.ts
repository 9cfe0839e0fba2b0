import { MeshFault } from './fault.ts'
import type { MeshCodeDoc, MeshFaultDetail } from './fault.ts'

/** Every error a mesh service raises. `exit` follows the appliance's closed list (docs/reference/exit-codes.md). */
export const CODES = {
  E_MESH_CONFIG: {
    exit: 3,
    status: 500,
    title: 'The control plane’s configuration is not valid',
    meaning: 'A field of the configuration file is missing, of the wrong type or contradicts another one.',
    next: 'correct the named fields (the Ansible role control_plane writes this file) and restart the service',
  },
  E_MESH_LABEL: {
    exit: 3,
    status: 422,
    title: 'A label is not valid under the site’s label policy',
    meaning: 'The policy or its version is not the site’s, or a level, category or nation is unknown to it.',
    next: 'compare the label with the site’s label policy file and publish again',
  },
  E_MESH_CEILING: {
    exit: 3,
    status: 422,
    title: 'A label is above the site’s classification ceiling',
    meaning: 'This enclave is accredited up to its ceiling only; what is above it must never be stored here.',
    next: 'keep the data on a network accredited for its level; if it was copied here, report a spill',
  },
  E_MESH_CONTRACT: {
    exit: 3,
    status: 422,
    title: 'The data contract is not valid',
    meaning: 'The contract does not follow the Open Data Contract Standard or lacks what governance requires.',
    next: 'correct every listed line of the contract and publish again',
  },
  E_MESH_RECORDS: {
    exit: 3,
    status: 422,
    title: 'Records do not follow the contract’s schema',
    meaning: 'At least one record has a missing, wrong or unknown field, or a label that is not valid.',
    next: 'correct the listed records and publish again: nothing was stored',
  },
  E_MESH_REQUEST: {
    exit: 3,
    status: 400,
    title: 'The request cannot be understood',
    meaning: 'The body or a parameter of the request is missing, too large or of the wrong type.',
    next: 'compare the request with the API in docs/security-model.md or use the mesh commands',
  },
  E_MESH_TOKEN: {
    exit: 11,
    status: 401,
    title: 'The token is not accepted',
    meaning:
      'It is missing, expired, from another issuer, meant for another audience, or bound to another certificate than the one of this connection; or the connection did not come through the proxy with a certificate.',
    next: 'ask for a new token with the same certificate (mesh commands do this by themselves)',
  },
  E_MESH_NOT_FOUND: {
    exit: 11,
    status: 404,
    title: 'No such product for this reader',
    meaning: 'The product does not exist, or this reader may not know whether it does: both look the same on purpose.',
    next: 'search with `sallyport mesh catalog`; ask the owning domain if you expected to find it',
  },
  E_MESH_DENIED: {
    exit: 11,
    status: 403,
    title: 'The policy denies this act',
    meaning: 'The reader may know of the thing but not do this with it. The refusal is in the audit log.',
    next: 'ask the owning domain for release, or your security officer about your clearance',
  },
  E_MESH_QUERY: {
    exit: 3,
    status: 400,
    title: 'The query is not accepted',
    meaning: 'It is not one SELECT over the view `product`, reaches for something else, or DuckDB refuses it.',
    next: 'send one SELECT statement over `product`',
  },
  E_MESH_QUERY_LIMIT: {
    exit: 3,
    status: 400,
    title: 'The query went over a limit',
    meaning: 'It took longer, used more memory or returned more than the site allows for one query.',
    next: 'narrow the query, for example with WHERE or LIMIT',
  },
  E_MESH_CONFLICT: {
    exit: 3,
    status: 409,
    title: 'This contract version is already published with other content',
    meaning: 'A published version of a contract never changes: consumers rely on it.',
    next: 'raise `version` in the contract and publish again',
  },
  E_MESH_INCOMPATIBLE: {
    exit: 3,
    status: 409,
    title: 'The new contract version breaks its consumers',
    meaning:
      'Records of the version before would not be valid under the new schema: the schema registry refuses it by its rule BACKWARD. Nothing was stored.',
    next: 'make what is new optional and keep what was there, or publish it as another product and retire this one',
  },
  E_MESH_REGISTRY: {
    exit: 8,
    status: 503,
    title: 'The schema registry does not answer as it must',
    meaning: 'It is unreachable, refuses this control plane, or gives answers that it must not give.',
    next: 'run `sallyport status`: look at the service schema-registry',
  },
  E_MESH_ENGINE: {
    exit: 8,
    status: 503,
    title: 'The query engine does not answer as it must',
    meaning: 'The engine of this site that runs queries over many workers is unreachable or gives answers that it must not give.',
    next: 'run `sallyport status`: look at the service trino',
  },
  E_MESH_AUDIT: {
    exit: 8,
    status: 503,
    title: 'The audit log cannot be written, so the access is refused',
    meaning: 'Every access must be durable in the locked log before its answer leaves.',
    next: 'run `sallyport status`: look at the object store and its free space',
  },
  E_MESH_STORE: {
    exit: 8,
    status: 503,
    title: 'The object store does not answer as it must',
    meaning: 'It is unreachable, lacks object lock, or gave bytes that are not what the catalog says.',
    next: 'run `sallyport status`: look at the service object-store',
  },
  E_MESH_DATABASE: {
    exit: 8,
    status: 503,
    title: 'The database does not answer as it must',
    meaning: 'PostgreSQL is unreachable or refuses what the control plane asks.',
    next: 'run `sallyport status`: look at the service postgresql',
  },
  E_MESH_SCHEMA: {
    exit: 8,
    status: 503,
    title: 'The database schema does not fit this control plane',
    meaning: 'The schema is newer than this release knows, a migration was changed after it ran, or one cannot run here.',
    next: 'run the release that made this schema, or let the upgrade roll back',
  },
  E_MESH_IDENTITY: {
    exit: 8,
    status: 503,
    title: 'The identity provider does not answer as it must',
    meaning: 'Its signing keys cannot be read over TLS with the organisation’s certificates.',
    next: 'run `sallyport status`: look at the service keycloak',
  },
  E_MESH_BUSY: {
    exit: 8,
    status: 503,
    title: 'Too many queries at once',
    meaning: 'The gateway runs a bounded number of queries and holds a bounded queue.',
    next: 'try again in a moment',
  },
  E_MESH_INTERNAL: {
    exit: 1,
    status: 500,
    title: 'A defect in the control plane',
    meaning: 'Something happened that the control plane does not expect; its journal names it.',
    next: 'read the journal of the unit control-plane and report the defect',
  },
} as const satisfies Record<string, MeshCodeDoc>

export type MeshCode = keyof typeof CODES

export function fault(code: MeshCode, message: string, detail?: MeshFaultDetail): MeshFault {
  return new MeshFault(code, CODES[code], message, detail)
}
