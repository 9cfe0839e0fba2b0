import { createHash, randomUUID } from 'node:crypto'
import type { SqlCondition } from '../access/residual-sql.ts'
import { fault } from '../codes.ts'
import type { ClassificationAuthority, Contract, Field, Sla } from '../contracts/contract.ts'
import { nationsOf, rankOf } from '../labels/algebra.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { Database, Transaction } from './database.ts'

/** A product as it stands now: its current contract and what was last published under it. */
export interface Product {
  readonly id: string
  readonly domain: string
  readonly name: string
  readonly version: string
  readonly title: string
  readonly purpose: string
  readonly fields: readonly Field[]
  readonly referenceSchema: string
  readonly authority: ClassificationAuthority
  readonly sla: Sla
  readonly dataLabel: CanonicalLabel
  readonly catalogLabel: CanonicalLabel
  readonly publication: {
    /** Name of the object in the product's bucket. */
    readonly object: string
    readonly sha256: string
    readonly records: number
    /** Join of the labels of all records. */
    readonly label: CanonicalLabel
    readonly at: Date
  }
}

export interface Stored {
  readonly object: string
  readonly sha256: string
  readonly bytes: number
  readonly records: number
  readonly label: CanonicalLabel
}

/** No answer lists more; the count says how many there are. */
const MOST_ENTRIES = 200

export class Catalog {
  readonly #database: Database
  readonly #policy: LabelPolicy

  constructor(database: Database, policy: LabelPolicy) {
    this.#database = database
    this.#policy = policy
  }

  /** What the reader may know of: filtered by the access policy in the query itself, the count included. */
  async search(
    text: string,
    visible: (firstParameter: number) => SqlCondition,
  ): Promise<{ readonly count: number; readonly products: readonly Product[] }> {
    const words = text.split(/\s+/).filter((word) => word !== '').slice(0, 8)
    const patterns = words.map((word) => `%${word.replaceAll(/[\\%_]/g, '\\$&')}%`)
    const condition = visible(4)
    const rows = await this.#database.query<Row & { total: string }>(
      `SELECT *, count(*) OVER () AS total FROM catalog_entries
       WHERE policy = $1 AND policy_version = $2 AND ${condition.text}
         AND (domain || ' ' || name || ' ' || title || ' ' || purpose) ILIKE ALL ($3::text[])
       ORDER BY domain, name LIMIT ${MOST_ENTRIES}`,
      [this.#policy.urn, this.#policy.version, patterns, ...condition.parameters],
    )
    return { count: Number(rows[0]?.total ?? 0), products: rows.map(productOf) }
  }

  /** One entry, or nothing: what does not exist and what the reader may not know of take the same way. */
  async entry(domain: string, name: string, visible: (firstParameter: number) => SqlCondition): Promise<Product | undefined> {
    const condition = visible(5)
    const [row] = await this.#database.query<Row>(
      `SELECT * FROM catalog_entries
       WHERE policy = $1 AND policy_version = $2 AND domain = $3 AND name = $4 AND ${condition.text}`,
      [this.#policy.urn, this.#policy.version, domain, name, ...condition.parameters],
    )
    return row === undefined ? undefined : productOf(row)
  }

  /** Unfiltered, for the audit log's sake only: its answer must never reach a reader. */
  async existing(domain: string, name: string): Promise<Product | undefined> {
    const [row] = await this.#database.query<Row>('SELECT * FROM catalog_entries WHERE domain = $1 AND name = $2', [
      domain,
      name,
    ])
    return row === undefined ? undefined : productOf(row)
  }

  /**
   * Makes a publication the current one, in one transaction around `store`, which writes the records: either everything
   * stands afterwards, or the catalog is as before. Publications of one product wait for each other. A new product gets
   * `newId`. Throws E_MESH_CONFLICT when the version exists with another contract, or is older than the current one.
   */
  async publish(
    newId: string,
    contract: Contract,
    by: string,
    now: Date,
    store: (product: string) => Promise<Stored>,
  ): Promise<{ readonly id: string; readonly stored: Stored }> {
    return this.#database.transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${contract.domain}/${contract.name}`])
      const id = await productId(client, newId, contract, now)
      await insertContract(client, this.#policy, id, contract, by, now)
      const stored = await store(id)
      const publication = randomUUID()
      await client.query('INSERT INTO publications VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
        publication,
        id,
        contract.version,
        stored.object,
        stored.sha256,
        stored.bytes,
        stored.records,
        stored.label,
        now,
        by,
      ])
      await client.query('UPDATE products SET publication = $2 WHERE id = $1', [id, publication])
      return { id, stored }
    })
  }
}

async function productId(client: Transaction, newId: string, contract: Contract, now: Date): Promise<string> {
  const { rows } = await client.query<{ id: string; version: string | null }>(
    `SELECT product.id, publication.version FROM products AS product
     LEFT JOIN publications AS publication ON publication.id = product.publication
     WHERE domain = $1 AND name = $2`,
    [contract.domain, contract.name],
  )
  const [known] = rows
  if (known === undefined) {
    await client.query('INSERT INTO products VALUES ($1, $2, $3, $4)', [newId, contract.domain, contract.name, now])
    return newId
  }
  if (known.version !== null && compareVersions(contract.version, known.version) < 0) {
    throw fault('E_MESH_CONFLICT', 'the contract is older than the published one', {
      expected: `${known.version} or later`,
      found: contract.version,
    })
  }
  return known.id
}

async function insertContract(
  client: Transaction,
  policy: LabelPolicy,
  product: string,
  contract: Contract,
  by: string,
  now: Date,
): Promise<void> {
  const sha256 = createHash('sha256').update(contract.text).digest('hex')
  const { rows } = await client.query<{ sha256: string }>(
    'SELECT sha256 FROM contracts WHERE product = $1 AND version = $2',
    [product, contract.version],
  )
  if (rows[0] !== undefined) {
    if (rows[0].sha256 === sha256) return
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
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

interface Row {
  readonly id: string
  readonly domain: string
  readonly name: string
  readonly version: string
  readonly title: string
  readonly purpose: string
  readonly fields: readonly Field[]
  readonly reference_schema: string
  readonly classified_by: string
  readonly derived_from: string
  readonly declassify_on: string
  readonly freshness_hours: number
  readonly availability_percent: number
  readonly completeness_percent: number
  readonly data_label: CanonicalLabel
  readonly catalog_label: CanonicalLabel
  readonly object: string
  readonly sha256: string
  readonly records: number
  readonly label: CanonicalLabel
  readonly published_at: Date
}

function productOf(row: Row): Product {
  return {
    id: row.id,
    domain: row.domain,
    name: row.name,
    version: row.version,
    title: row.title,
    purpose: row.purpose,
    fields: row.fields,
    referenceSchema: row.reference_schema,
    authority: { classifiedBy: row.classified_by, derivedFrom: row.derived_from, declassifyOn: row.declassify_on },
    sla: {
      freshnessHours: row.freshness_hours,
      availabilityPercent: row.availability_percent,
      completenessPercent: row.completeness_percent,
    },
    dataLabel: row.data_label,
    catalogLabel: row.catalog_label,
    publication: {
      object: row.object,
      sha256: row.sha256,
      records: row.records,
      label: row.label,
      at: row.published_at,
    },
  }
}
