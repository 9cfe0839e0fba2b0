import file from './benchmark.json' with { type: 'json' }

/** One rule of our own benchmark, as it is published in docs/reference/benchmark.md. */
export interface Rule {
  /** `SLP-010` */
  readonly id: string
  readonly title: string
  readonly severity: 'high' | 'medium' | 'low'
  /** Of NIST SP 800-53 revision 5, as its OSCAL catalog names them: `sc-7.5`. */
  readonly controls: readonly string[]
  readonly check: string
  readonly fix: string
  readonly discussion: string
  /** What shows that the software does this: files of the bundle, or `source:` and a path in the source. */
  readonly shows: readonly string[]
}

export interface Benchmark {
  readonly id: string
  readonly version: string
  /** Day of this version. */
  readonly date: string
  readonly title: string
  readonly description: string
  readonly rules: readonly Rule[]
}

export const BENCHMARK = file as Benchmark
