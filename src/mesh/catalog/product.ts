import type { ClassificationAuthority, Field, Sla } from '../contracts/contract.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { TableRef } from '../lake/publication.ts'

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
    /** The metadata file of its Iceberg table that it is. */
    readonly pointer: string
    /** Every file that a reader needs, with the digests that they are held against. */
    readonly files: readonly TableRef[]
    /** Canonical JSON of each label that a record has. */
    readonly labels: readonly string[]
    readonly records: number
    /** Join of the labels of all records. */
    readonly label: CanonicalLabel
    readonly at: Date
  }
}

/** One published version of a product's contract. */
export interface ContractVersion {
  readonly version: string
  /** Only the newest is current: a product has one contract at a time. */
  readonly state: 'current' | 'deprecated'
  readonly since: Date
}

/** What a product promises and how it stands, without its name: for metrics. */
export interface ProductMeasure {
  readonly id: string
  readonly object: string
  readonly bytes: number
  readonly publishedAt: Date
  readonly freshnessHours: number
  readonly availabilityPercent: number
  readonly completenessPercent: number
  readonly completeness: number
}

/** A line of the view catalog_entries. */
export interface Row {
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
  readonly bytes: string
  readonly pointer: string
  readonly files: readonly TableRef[]
  readonly labels: readonly string[]
  readonly records: number
  readonly completeness: number
  readonly label: CanonicalLabel
  readonly published_at: Date
}

export function productOf(row: Row): Product {
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
      pointer: row.pointer,
      files: row.files,
      labels: row.labels,
      records: row.records,
      label: row.label,
      at: row.published_at,
    },
  }
}
