import type { Packets, Reach } from '../lab/lab.ts'
import type { Untried } from './check.ts'

/** A place that was reached for, and how often. */
export interface Reached {
  readonly host: string
  /** `TCP 203.0.113.9:443`, `the name example.org`. */
  readonly to: string
  readonly times: number
  /** User id of the process on its host, when the kernel said so. */
  readonly uid?: number
}

export interface Tried {
  readonly what: string
  /** `file:line:column` of the definition. */
  readonly line: string
  readonly seconds: number
  readonly well: boolean
  /** What is wrong, in words. */
  readonly why?: string
  /** The end of what the client said, when something is wrong. */
  readonly said?: string
  readonly reached: readonly Reached[]
}

/** What lies beside a bundle that was built with --prove: `BUNDLE.proof.json`. */
export interface ProofRecord {
  readonly type: 'application/vnd.sallyport.proof.v1+json'
  readonly bundle: { readonly name: string; readonly version: string; readonly sequence: number; readonly sha512: string }
  readonly made: string
  readonly seconds: number
  /** Nothing reached out, nothing was missing, everything started. */
  readonly proven: boolean
  readonly tried: readonly Tried[]
  readonly untried: readonly Untried[]
  /** What was on the wire between the hosts, and what their kernels refused; one entry a lab. */
  readonly packets: readonly Omit<Packets, 'file'>[]
}

/** The same place once, in the order it was first reached for. Names of the enclave's own domain are not outside. */
export function reachedOf(reaches: readonly Reach[], own: string): Reached[] {
  const found = new Map<string, Reached>()
  for (const { host, protocol, to, port, question, uid } of reaches) {
    if (question !== undefined && (question === own || question.toLowerCase().endsWith(`.${own}`))) continue
    const place = question === undefined ? `${protocol} ${to.includes(':') ? `[${to}]` : to}${port === undefined ? '' : `:${port}`}` : `the name ${question}`
    const key = `${host} ${place} ${uid ?? ''}`
    const before = found.get(key)
    found.set(key, { host, to: place, times: (before?.times ?? 0) + 1, ...(uid === undefined ? {} : { uid }) })
  }
  return [...found.values()]
}

/** Each fault of a record as one line: where to change what, and why. */
export function faultLines(record: Pick<ProofRecord, 'tried' | 'packets'>): string[] {
  const lines = record.tried.flatMap(({ what, line, why, said, reached }) => [
    ...(why === undefined ? [] : [`${line}: ${what}: ${why}${said === undefined ? '' : `: ${lastWords(said)}`}`]),
    ...(reached.length === 0 ? [] : [`${line}: ${what} reached out: ${reached.map(({ to, times }) => `${to}${times > 1 ? ` (${times} times)` : ''}`).join(', ')}`]),
  ])
  const wire = record.packets.flatMap(({ elsewhere }) => Object.entries(elsewhere).map(([packet, times]) => `on the wire, by nobody known: ${packet} (${times} times)`))
  return [...lines, ...wire]
}

function lastWords(said: string): string {
  const lines = said.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const telling = lines.filter((line) => /error|depends|unable|not found|no such|no matching|cannot|could not|missing|failed/i.test(line))
  return (telling.length > 0 ? telling : lines).slice(-3).join(' | ').slice(0, 600)
}
