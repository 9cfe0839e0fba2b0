import type { KnownBundle } from '../../bundle/decide.ts'
import type { FloorEntry } from '../../bundle/policy.ts'
import type { Kind } from '../../bundle/statement.ts'
import { fault } from '../codes.ts'

/** One bundle name and kind, such as `release/mesh`: each has a sequence of its own. */
export interface Floor {
  /** The highest sequence that was committed. */
  readonly sequence: number
  /** Every sequence ever taken in, and the sha512 of its bundle.json: a sequence names one content for ever. */
  readonly known: Readonly<Record<string, string>>
}

export type Floors = Readonly<Record<string, Floor>>

/** What a floor is asked about. `digest` is the sha512 of bundle.json, hex. */
export interface Candidate {
  readonly kind: string
  readonly name: string
  readonly sequence: number
  readonly digest: string
}

export function floorKey(candidate: { kind: string; name: string }): string {
  return `${candidate.kind}/${candidate.name}`
}

/** The floors after `candidate` was taken in (`committed: false`) or committed: the floor moves only at commit. */
export function seen(candidate: Candidate, committed: boolean): Floors {
  const known = { [String(candidate.sequence)]: candidate.digest }
  return { [floorKey(candidate)]: { sequence: committed ? candidate.sequence : 0, known } }
}

/** Joins two memories: the highest sequence, every known digest. What is known first stays. */
export function raise(first: Floors, second: Floors): Floors {
  const joined: Record<string, Floor> = { ...first }
  for (const [key, floor] of Object.entries(second)) {
    const before = joined[key]
    joined[key] = before
      ? { sequence: Math.max(before.sequence, floor.sequence), known: { ...floor.known, ...before.known } }
      : floor
  }
  return joined
}

/** Every memory that has a say, as src/bundle's decision takes it: the highest floor counts, every known digest binds. */
export function circumstancesOf(memories: readonly Floors[]): { floor: FloorEntry[]; known: KnownBundle[] } {
  const floor: FloorEntry[] = []
  const known: KnownBundle[] = []
  for (const [key, entry] of memories.flatMap((floors) => Object.entries(floors))) {
    const [kind, name] = key.split('/') as [Kind, string]
    if (entry.sequence > 0) floor.push({ kind, name, sequence: entry.sequence })
    for (const [sequence, digest] of Object.entries(entry.known)) known.push({ kind, name, sequence: Number(sequence), digest })
  }
  return { floor, known }
}

/** Parses a memory file; an absent one is empty. Throws E_STATE when it is damaged: never read as empty. */
export function readFloors(text: string | undefined, path: string): Floors {
  if (text === undefined) return {}
  try {
    const value = JSON.parse(text) as Record<string, Floor>
    for (const [key, { sequence, known }] of Object.entries(value)) {
      const sound = Number.isSafeInteger(sequence) && sequence >= 0 && typeof known === 'object'
      if (!sound || Object.values(known).some((digest) => !/^[0-9a-f]{128}$/.test(digest))) throw new Error(key)
    }
    return value
  } catch (cause) {
    throw fault('E_STATE', `${path} is damaged`, { expected: 'a record of sequences', found: String(cause), cause })
  }
}
