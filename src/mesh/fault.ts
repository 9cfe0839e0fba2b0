/**
 * The one error type of the mesh control plane. It crosses HTTP as `{code, message, expected?, found?, faults?, next?}`,
 * so that the command line shows the same text the server raised.
 */

/** One entry of the registry in `codes.ts`; `exit` is the exit code of the command that meets it. */
export interface MeshCodeDoc {
  readonly exit: number
  /** HTTP status of the answer that carries it. */
  readonly status: number
  readonly title: string
  readonly meaning: string
  readonly next: string
}

export interface MeshFaultDetail {
  readonly expected?: string
  readonly found?: string
  /** Every single fault, one line each, `line:column path: text` where the input has lines. */
  readonly faults?: readonly string[]
  readonly next?: string
  readonly cause?: unknown
}

export class MeshFault extends Error {
  readonly code: string
  readonly status: number
  readonly exit: number
  readonly detail: MeshFaultDetail

  constructor(code: string, doc: MeshCodeDoc, message: string, detail: MeshFaultDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'MeshFault'
    this.code = code
    this.status = doc.status
    this.exit = doc.exit
    this.detail = { ...detail, next: detail.next ?? doc.next }
  }
}
