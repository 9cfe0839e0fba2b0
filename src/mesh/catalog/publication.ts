import { createHash, randomUUID } from 'node:crypto'
import { fault } from '../codes.ts'
import type { Contract, Field } from '../contracts/contract.ts'
import { nationsOf, rankOf } from '../labels/algebra.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { StoredTable } from '../lake/publication.ts'
import type { Database, Transaction } from './database.ts'
import { compareVersions } from './version.ts'

export interface Stored extends StoredTable {
  readonly records: number
  /** Share of the contract's fields that have a value, 0 to 1, over all records. */
  readonly completeness: number
  readonly label: CanonicalLabel
}

/** A product in the midst of being published, its lock held. */
export interface Publishing {
  readonly id: string
  /** Opaque id of its domain. */
  readonly domain: string
  /** Whether this version of the contract was published before. */
  readonly known: boolean
  /** Versions published before, in no order. */
  readonly versions: readonly string[]
  /** The one that consumers see until now; absent for a new product. */
  readonly current?: { readonly version: string; readonly fields: readonly Field[] }
}

/**
 * Makes a publication the current one, in one transaction around `store`, which writes the records: either everything
 * stands afterwards, or the catalog is as before. Publications of one product wait for each other, on all control planes
 * of the site. A new product gets `newId`. Throws E_MESH_CONFLICT when the version exists with another contract, or is
 * older than the current one.
 */
export async function publishContract(
  { database, policy }: { readonly database: Database; readonly policy: LabelPolicy },
  newId: string,
  contract: Contract,
  by: string,
  now: Date,
  store: (product: Publishing, client: Transaction) => Promise<Stored>,
): Promise<{ readonly id: string; readonly stored: Stored }> {
  return database.transaction(async (client) => {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${contract.domain}/${contract.name}`])
    const { id, ...product } = await productOfContract(client, newId, contract, now)
    const known = await insertContract(client, policy, id, contract, by, now)
    const stored = await store({ id, ...product, known }, client)
    const publication = randomUUID()
    await client.query('INSERT INTO publications VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)', [
      publication,
      id,
      contract.version,
      stored.object,
      stored.sha256,
      stored.bytes,
      stored.pointer,
      JSON.stringify(stored.files),
      stored.labels,
      stored.records,
      stored.completeness,
      stored.label,
      now,
      by,
    ])
    await client.query('UPDATE products SET publication = $2 WHERE id = $1', [id, publication])
    return { id, stored }
  })
}
async function productOfContract(
  client: Transaction,
  newId: string,
  contract: Contract,
  now: Date,
): Promise<Omit<Publishing, 'known'>> {
  await client.query('INSERT INTO domains VALUES ($1, $2) ON CONFLICT DO NOTHING', [contract.domain, randomUUID()])
  const { rows } = await client.query<{ domain_id: string; id: string | null; version: string | null; fields: readonly Field[] | null }>(
    `SELECT domain.id AS domain_id, product.id, publication.version, contract.fields FROM domains AS domain
     LEFT JOIN products AS product ON product.domain = domain.name AND product.name = $2
     LEFT JOIN publications AS publication ON publication.id = product.publication
     LEFT JOIN contracts AS contract ON contract.product = product.id AND contract.version = publication.version
     WHERE domain.name = $1`,
    [contract.domain, contract.name],
  )
  const [known] = rows
  const domain = known?.domain_id ?? ''
  if (known?.id == null) {
    await client.query('INSERT INTO products VALUES ($1, $2, $3, $4)', [newId, contract.domain, contract.name, now])
    return { id: newId, domain, versions: [] }
  }
  const { id, version, fields } = known
  const earlier = await client.query<{ version: string }>('SELECT version FROM contracts WHERE product = $1', [id])
  const versions = earlier.rows.map((row) => row.version)
  if (version === null || fields === null) return { id, domain, versions }
  if (compareVersions(contract.version, version) < 0) {
    throw fault('E_MESH_CONFLICT', 'the contract is older than the published one', {
      expected: `${version} or later`,
      found: contract.version,
    })
  }
  return { id, domain, versions, current: { version, fields } }
}

/** Returns whether this version of the contract, with this very text, was there before. */
async function insertContract(
  client: Transaction,
  policy: LabelPolicy,
  product: string,
  contract: Contract,
  by: string,
  now: Date,
): Promise<boolean> {
  const sha256 = createHash('sha256').update(contract.text).digest('hex')
  const { rows } = await client.query<{ sha256: string }>(
    'SELECT sha256 FROM contracts WHERE product = $1 AND version = $2',
    [product, contract.version],
  )
  if (rows[0] !== undefined) {
    if (rows[0].sha256 === sha256) return true
    throw fault('E_MESH_CONFLICT', `version ${contract.version} of the contract is published with other content`, {
      expected: `sha256 ${rows[0].sha256}`,
      found: `sha256 ${sha256}`,
    })
  }
  const { authority, sla, catalogLabel } = contract
  const columns = {
    product,
    version: contract.version,
    sha256,
    source: contract.text,
    title: contract.title,
    purpose: contract.purpose,
    fields: JSON.stringify(contract.fields),
    reference_schema: contract.referenceSchema,
    classified_by: authority.classifiedBy,
    derived_from: authority.derivedFrom,
    declassify_on: authority.declassifyOn,
    freshness_hours: sla.freshnessHours,
    availability_percent: sla.availabilityPercent,
    completeness_percent: sla.completenessPercent,
    data_label: contract.dataLabel,
    catalog_label: catalogLabel,
    policy: policy.urn,
    policy_version: policy.version,
    rank: rankOf(policy, catalogLabel.level),
    categories: catalogLabel.categories,
    nations: nationsOf(policy, catalogLabel),
    created_at: now,
    created_by: by,
  }
  const names = Object.keys(columns)
  await client.query(
    `INSERT INTO contracts (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(columns),
  )
  return false
}
