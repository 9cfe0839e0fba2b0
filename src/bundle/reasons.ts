import { fault, type BundleCode } from './codes.ts'

/** One reason to refuse; a refusal names all of them at once. */
export interface Reason {
  readonly code: BundleCode
  readonly text: string
  readonly expected?: string
  readonly found?: string
}

/** Throws the fault of the first reason with all of them in its detail; returns when there are none. */
export function refuse(what: string, reasons: readonly Reason[]): void {
  const [first] = reasons
  if (!first) return
  const { code, text, expected, found } = first
  throw fault(code, `${what} is refused: ${text}`, {
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(reasons.length > 1 ? { faults: reasons.map((reason) => `${reason.code}: ${reason.text}`) } : {}),
    codes: [...new Set(reasons.map((reason) => reason.code))],
  })
}
