import { printable } from '../bundle/printable.ts'
import type { Rule } from './benchmark.ts'

export type Result = 'pass' | 'fail' | 'not-checked' | 'not-applicable'

/** What came of one rule on one host. */
export interface Verdict {
  readonly rule: Rule
  readonly host: string
  readonly result: Result
  /** What was seen, what is wrong, or why nothing could be asked: a few lines, never a secret. */
  readonly evidence: readonly string[]
}

export interface AssessedHost {
  readonly name: string
  readonly address: string
  readonly roles: readonly string[]
  /** What was observed, exactly as it was judged; undefined when the host did not answer. */
  readonly observed: object | undefined
}

export interface AssessedRelease {
  readonly name: string
  readonly version: string
  /** sha512 of bundle.json. */
  readonly digest: string
}

/** An assessment of a site, whole: every document is made from this and nothing else. */
export interface Assessment {
  readonly site: { readonly id: string; readonly name: string; readonly domain: string; readonly ceiling: string }
  readonly policy: { readonly version: number; readonly digest: string }
  /** The release that runs, when the depot could say. */
  readonly release: AssessedRelease | undefined
  /** ISO 8601, by the station's clock. */
  readonly started: string
  readonly ended: string
  /** Version of this program. */
  readonly program: string
  readonly hosts: readonly AssessedHost[]
  /** By rule, then by host in the order of site.yaml. */
  readonly verdicts: readonly Verdict[]
}

/** What a judge says of one rule on one host. */
export interface Outcome {
  readonly result: Result
  readonly evidence: readonly string[]
}

const MOST_LINES = 40
const MOST_CHARACTERS = 300

/** Fails with the faults when there are any, and passes with what was seen otherwise. */
export function judged(faults: readonly string[], seen: readonly string[]): Outcome {
  return faults.length > 0 ? { result: 'fail', evidence: bounded(faults) } : { result: 'pass', evidence: bounded(seen) }
}

export const notChecked = (why: string): Outcome => ({ result: 'not-checked', evidence: bounded([why]) })
export const notApplicable = (why: string): Outcome => ({ result: 'not-applicable', evidence: bounded([why]) })

function bounded(lines: readonly string[]): string[] {
  const shown = lines.slice(0, MOST_LINES).map((line) => printable(line, MOST_CHARACTERS))
  return lines.length > MOST_LINES ? [...shown, `and ${lines.length - MOST_LINES} more`] : shown
}

/** How many verdicts have each result. */
export function countOf(verdicts: readonly Verdict[]): Record<Result, number> {
  const count = { pass: 0, fail: 0, 'not-checked': 0, 'not-applicable': 0 }
  for (const { result } of verdicts) count[result] += 1
  return count
}
