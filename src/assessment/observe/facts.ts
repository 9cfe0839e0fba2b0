import { Fault } from '../../bundle/fault.ts'
import type { Connection } from '../../enclave/remote/connection.ts'
import { AUDIT_PROGRAM, RECORDS_PROGRAM, RELEASE_PROGRAM } from './depot-programs.ts'
import { HOST_PROGRAM } from './host-program.ts'

export interface Socket {
  readonly protocol: string
  readonly address: string
  readonly port: number
  readonly process: string
}

export interface ServiceProcess {
  readonly command: string
  readonly uids: readonly number[]
  /** Hexadecimal, by set: CapInh, CapPrm, CapEff, CapAmb, CapBnd. */
  readonly capabilities: Readonly<Record<string, string>>
  readonly noNewPrivileges: boolean
  readonly readOnly: boolean
}

export interface Container {
  readonly name: string
  readonly unit: string
  /** `sha256:…` of the manifest. */
  readonly image: string
  /** `127.0.0.1:15432` */
  readonly ports: readonly string[]
  readonly processes: readonly ServiceProcess[]
}

export interface KeyFile {
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** What host-program.ts prints. A section that could not be asked is absent, and the reason is in `errors`. Seconds since 1970. */
export interface HostFacts {
  readonly clock?: number
  readonly sockets?: readonly Socket[]
  readonly containers?: { readonly running: readonly Container[]; readonly beside: readonly { readonly unit: string; readonly uid: number; readonly command: string }[] }
  readonly units?: { readonly states: Readonly<Record<string, { readonly load: string; readonly active: string }>>; readonly failed: readonly string[] }
  readonly filter?: { readonly file: string | null; readonly made: string; readonly loaded: string | null }
  readonly ssh?: { readonly settings: Readonly<Record<string, readonly string[]>>; readonly authorities: readonly string[]; readonly keys: readonly string[] }
  readonly keys?: readonly KeyFile[]
  readonly drift?: { readonly lines: readonly string[]; readonly age: number; readonly program: string | null; readonly recorded: number | null; readonly installed: number | null }
  readonly backups?: { readonly newest: Readonly<Record<string, number>>; readonly needed: readonly string[] }
  readonly sources?: {
    readonly apt: readonly { readonly file: string; readonly uri: string; readonly signed: string; readonly trusted: string }[]
    readonly registries: readonly string[]
    readonly more: readonly string[]
  }
  /** sha512 of the engine's program; null when there is none. */
  readonly program?: string | null
  readonly errors: Readonly<Record<string, string>>
}

export interface DepotRecords {
  readonly state: string | null
  /** Base64, as are the files of manifests. */
  readonly custody: string | null
  readonly manifests: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface ReleaseFiles {
  /** sha256 by path below the release. */
  readonly files: Readonly<Record<string, string>>
  /** What is neither a file nor a folder. */
  readonly others: readonly string[]
  /** Base64 of blobs, by sha256; null when absent. */
  readonly trees: Readonly<Record<string, string | null>>
  /** Base64 of the manifests of images, by sha256. */
  readonly manifests: Readonly<Record<string, string | null>>
  readonly text: string | null
}

export interface AuditProof {
  readonly code: number
  readonly events: number
  readonly proof: { readonly instances: Readonly<Record<string, { readonly batches: number; readonly events: number; readonly root: string }>> } | null
  /** Last line of what it said beside. */
  readonly said: readonly string[]
}

const MINUTE_MS = 60_000

/** An answer, or why there is none: a rule that needs it is then not checked. `wrong`: what was found is itself a fault. */
export type Asked<T> = { readonly answer: T } | { readonly why: string; readonly wrong?: true }

export const hostFacts = (connection: Connection, depot: string): Promise<Asked<HostFacts>> =>
  ask(connection, HOST_PROGRAM, { depot, own: connection.host.address, port: connection.host.port }, { minutes: 3, mebibytes: 16 })

export const depotRecords = (connection: Connection): Promise<Asked<DepotRecords>> => ask(connection, RECORDS_PROGRAM, {}, { minutes: 1, mebibytes: 64 })

/** Reads every byte of a release: minutes for a large one. */
export const releaseFiles = (connection: Connection, question: { readonly release: string; readonly trees: readonly string[]; readonly text: string | null }): Promise<Asked<ReleaseFiles>> =>
  ask(connection, RELEASE_PROGRAM, question, { minutes: 60, mebibytes: 128 })

/** Reads the whole log: it grows with the site's age. */
export const auditProof = (connection: Connection): Promise<Asked<AuditProof>> => ask(connection, AUDIT_PROGRAM, {}, { minutes: 60, mebibytes: 1 })

async function ask<T>(connection: Connection, program: string, question: object, limit: { readonly minutes: number; readonly mebibytes: number }): Promise<Asked<T>> {
  const words = Buffer.from(JSON.stringify(question)).toString('base64')
  try {
    const { code, stdout, stderr } = await connection.exec(`python3 -I - ${words}`, {
      input: program,
      timeoutMs: limit.minutes * MINUTE_MS,
      outputBytes: limit.mebibytes << 20,
    })
    if (code !== 0) return { why: `the host could not be asked: ${stderr.trim().split('\n').at(-1) ?? ''} (exit ${code})` }
    return { answer: JSON.parse(stdout) as T }
  } catch (error) {
    if (error instanceof Fault) return { why: error.message }
    if (error instanceof SyntaxError) return { why: 'what the host answered is no JSON' }
    throw error
  }
}
