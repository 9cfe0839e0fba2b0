import type { CanonicalLabel } from '../labels/label.ts'

/** A data contract that was parsed, checked against the label policy and against the governance rules. */
export interface Contract {
  readonly domain: string
  /** Unique within its domain only. */
  readonly name: string
  /** Semantic version; what stands under a published version never changes. */
  readonly version: string
  readonly title: string
  readonly purpose: string
  /** Label of every record without one of its own, and the least label of all others. */
  readonly dataLabel: CanonicalLabel
  /** Label of the catalog entry: who may know that the product exists. Dominated by `dataLabel`. */
  readonly catalogLabel: CanonicalLabel
  readonly authority: ClassificationAuthority
  readonly sla: Sla
  /** Name of a reference schema of the governance rules that every record follows too. */
  readonly referenceSchema: string
  readonly fields: readonly Field[]
  /** The author's text, as it was published. */
  readonly text: string
}

export interface ClassificationAuthority {
  readonly classifiedBy: string
  readonly derivedFrom: string
  /** ISO date, or a named event. */
  readonly declassifyOn: string
}

export interface Sla {
  readonly freshnessHours: number
  readonly availabilityPercent: number
  readonly completenessPercent: number
}

export type LogicalType = 'string' | 'date' | 'timestamp' | 'number' | 'integer' | 'boolean' | 'object' | 'array'

/** Shape of a value; `fields` of an object (absent: any JSON object), `items` of an array. */
export interface Shape {
  readonly type: LogicalType
  readonly fields?: readonly Field[]
  readonly items?: Shape
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
}

export interface Field extends Shape {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly unique: boolean
}
