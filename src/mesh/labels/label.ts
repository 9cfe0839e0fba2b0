/** A label as it stands in contracts, records, answers and audit events: structured, never a banner string. */
export interface Label {
  /** URN of the label policy. */
  readonly policy: string
  readonly policyVersion: string
  readonly level: string
  /** Restrictive categories: a reader needs every one of them. */
  readonly categories: readonly string[]
  /** Nations (ISO 3166-1 alpha-3) and coalition groups it is released to besides the owner nation; empty: owner only. */
  readonly releasability: readonly string[]
}
