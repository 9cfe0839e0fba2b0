/**
 * The one error type of the appliance. A fault carries a code from a closed registry, what was expected and found,
 * every single fault when there are several, and the next command to type.
 */

/** Exit codes of every command: a closed set, documented in docs/reference/exit-codes.md. */
export const EXIT = {
  ok: 0,
  /** A defect in Sallyport itself. */
  internal: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** A file written by a person (definition, site, contract, policy request) is not valid. */
  input: 3,
  /** An upstream registry or mirror did not give what was asked for. */
  upstream: 4,
  /** A signature, key, threshold or marking is not accepted by the trust policy. */
  trust: 5,
  /** Bytes are not what their digest says. */
  integrity: 6,
  /** This machine lacks something: disk, memory, permission, a program. */
  machine: 7,
  /** A host of the enclave could not be reached or did not do what was asked. */
  host: 8,
  /** The new release failed; the old one runs. */
  rolledBack: 9,
  /** An older sequence, other content under a known sequence, or an unsupported hop. */
  floor: 10,
  /** The mesh denied the request. */
  denied: 11,
  /** Interrupted; running the same command again goes on. */
  interrupted: 12,
  /** Neither the new nor the old release runs: a person is needed. */
  broken: 13,
  /** An assessment was made, and a rule is not met or could not be checked. */
  notMet: 14,
  /** What was built does not do in a disposable host without network what it has to. */
  unproven: 15,
} as const satisfies Record<string, number>

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** One entry of a registry of error codes; `sallyport explain CODE` prints it, the reference page is made from it. */
export interface CodeDoc {
  readonly exit: ExitCode
  /** One line: what happened. */
  readonly title: string
  /** A short paragraph: why it can happen and what it means for the reader. */
  readonly meaning: string
  /** What to do next. */
  readonly next: string
}

export interface FaultDetail {
  readonly expected?: string
  readonly found?: string
  /** Every single fault, one line each. */
  readonly faults?: readonly string[]
  /** Every code, when a refusal has several reasons; the first is the fault's own. */
  readonly codes?: readonly string[]
  /** The next command to type; the registry's `next` is used when this is absent. */
  readonly next?: string
  readonly cause?: unknown
}

/** `code` must be a key of one of the folder registries (`codes.ts`). */
export class Fault extends Error {
  readonly code: string
  readonly exit: ExitCode
  readonly detail: FaultDetail

  constructor(code: string, doc: CodeDoc, message: string, detail: FaultDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'Fault'
    this.code = code
    this.exit = doc.exit
    this.detail = { ...detail, next: detail.next ?? doc.next }
  }
}

/** Makes the function a folder uses to raise its own codes: `const fault = faultsOf(CODES)`. */
export function faultsOf<const C extends Record<string, CodeDoc>>(codes: C) {
  return (code: keyof C & string, message: string, detail?: FaultDetail): Fault =>
    new Fault(code, codes[code] as CodeDoc, message, detail)
}

/** Progress of a long step. `total` is undefined while unknown. */
export interface Progress {
  readonly done: number
  readonly total?: number
  readonly unit: 'bytes' | 'items'
  readonly note?: string
}
export type OnProgress = (progress: Progress) => void
