import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { paths } from './layout.ts'
import type { Identity } from './processes.ts'

/** A folder of this machine shown inside every host of a lab. */
export interface LabMount {
  readonly from: string
  readonly to: string
  readonly readOnly: boolean
}

export interface LabHost {
  /** `h1`, `h2`… */
  readonly name: string
  readonly address: string
  readonly port: 22
  readonly user: 'root'
  /** Public key lines, as in a .pub file: `ecdsa-sha2-nistp384 AAAA…`. */
  readonly hostKeys: readonly string[]
  /** The host's root folder on this machine. */
  readonly rootfs: string
}

export interface Lab {
  readonly name: string
  readonly hosts: readonly LabHost[]
  /** Path of the operator's private SSH key. */
  readonly identity: string
  /** A known_hosts file with every host's keys. */
  readonly knownHosts: string
  /** Interface of this machine that all hosts hang on. */
  readonly bridge: string
  /** This machine's own address on the bridge. */
  readonly station: string
  /** Number of the lab's address block, 0 to 47. */
  readonly block: number
}

/** What is on disk about a lab. `making` with a dead maker is what a crash left. */
export interface LabState extends Lab {
  readonly format: 1
  readonly phase: 'making' | 'up'
  readonly mounts: readonly LabMount[]
  readonly maker: Identity
}

export async function writeState(state: LabState): Promise<void> {
  const file = paths.state(state.name)
  await mkdir(paths.lab(state.name), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.partial`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${file}.partial`, file)
}

/** Undefined when there is no such lab, or its record was never finished. */
export async function readState(name: string): Promise<LabState | undefined> {
  try {
    const state = JSON.parse(await readFile(paths.state(name), 'utf8')) as LabState
    return state.format === 1 ? state : undefined
  } catch {
    return undefined
  }
}

/** Every name that left a trace, finished or not. */
export async function everyName(): Promise<string[]> {
  const found = await Promise.all([paths.run, paths.disk].map(folders))
  return [...new Set(found.flat())].toSorted()
}

async function folders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch {
    return []
  }
}
