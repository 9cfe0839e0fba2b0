/** What one source says: this vulnerability concerns this package, in some versions. */
export interface Claim {
  /** As the source names it. */
  readonly id: string
  readonly aliases: readonly string[]
  /** Name of the source in the definition. */
  readonly source: string
  /** purl type, and the name the source knows the package by: for Debian the source package. */
  readonly type: string
  readonly name: string
  readonly summary: string
  /** In the source's own words: `high`, `not yet assigned`. */
  readonly severity?: string
  /** A CVSS vector, where the source has one. */
  readonly vector?: string
  readonly published?: string
  readonly modified?: string
  /** First version that no longer has it, where the source names one. */
  readonly fixed?: string
  /** Undefined when it does not concern this version. */
  verdict(version: string): Verdict | undefined
}

/** `undetermined`: the source has not decided, or the version cannot be compared. */
export type Verdict = 'affected' | 'undetermined'

/** One name for the same vulnerability in several sources: the CVE, where there is one. */
export function canonicalId({ id, aliases }: Pick<Claim, 'id' | 'aliases'>): string {
  return [id, ...aliases].filter((one) => /^CVE-\d{4}-\d{4,}$/.test(one)).sort()[0] ?? id
}

/** Name under which packages and claims meet. */
export function claimName(type: string, name: string): string {
  return `${type} ${type === 'pypi' ? name.toLowerCase().replaceAll(/[-_.]+/g, '-') : name}`
}
