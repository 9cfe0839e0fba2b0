import { fault } from '../codes.ts'
import type { Floors } from '../floor/floors.ts'
import type { HostPaths } from '../paths.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'

/** A release as the depot knows it. `digest` is the sha512 of its bundle.json. */
export interface Release {
  readonly kind: string
  readonly name: string
  readonly version: string
  readonly sequence: number
  readonly digest: string
}

/** The one release that may be gone back to, and the backup of its data made when it was replaced. */
export interface Previous {
  readonly release: Release
  readonly backup: string
  readonly replacedAt: string
}

export interface DepotState {
  readonly formatVersion: 1
  readonly site: string
  readonly running?: Release
  readonly previous?: Previous
  readonly since?: string
  /** Set while neither release runs: the backup from which `running` can be put back. */
  readonly broken?: { readonly backup: string; readonly replacedAt: string }
  readonly floors: Floors
}

export async function readState(paths: HostPaths): Promise<DepotState | undefined> {
  const text = await readIfPresent(paths.state)
  return text === undefined ? undefined : parseState(text, paths.state)
}

export function parseState(text: string, path: string): DepotState {
  try {
    const state = JSON.parse(text) as DepotState
    if (state.formatVersion !== 1 || typeof state.floors !== 'object') throw new Error('unknown form')
    return state
  } catch (cause) {
    throw fault('E_STATE', `${path} is damaged`, { expected: 'formatVersion 1', found: String(cause), cause })
  }
}

export async function writeState(paths: HostPaths, state: DepotState): Promise<void> {
  await writeDurably(paths.state, `${JSON.stringify(state, null, 2)}\n`)
}
