import { Fault } from '../../bundle/fault.ts'
import { append, readChain, type Linked } from '../journal/chain.ts'
import type { StepId } from '../plan/plan.ts'

/** How a plan ended. `failed`: what ran before still runs, or nothing did. */
export type Outcome = 'committed' | 'failed' | 'rolled-back' | 'broken'

/** A fault as it is kept and shown again at the station. */
export interface FaultRecord {
  readonly code: string
  readonly exit: number
  readonly message: string
  readonly expected?: string
  readonly found?: string
  readonly faults?: readonly string[]
}

export type Entry =
  | { readonly event: 'attempt'; readonly attempt: number }
  | { readonly event: 'started' | 'done'; readonly phase: Phase; readonly step: StepId; readonly note?: string }
  | { readonly event: 'failed'; readonly phase: Phase; readonly step: StepId; readonly fault: FaultRecord }
  | { readonly event: 'finished'; readonly outcome: Outcome }

/** `do` are the plan's steps, `undo` those that put the release before back. */
export type Phase = 'do' | 'undo'

/** What the journal says of the newest attempt. */
export interface Standing {
  readonly attempt: number
  readonly outcome?: Outcome
  readonly started: ReadonlySet<string>
  readonly done: ReadonlySet<string>
  readonly failures: readonly Extract<Entry, { event: 'failed' }>[]
}

export function standingOf(entries: readonly Entry[]): Standing {
  let attempt = 0
  let outcome: Outcome | undefined
  let started = new Set<string>()
  let done = new Set<string>()
  let failures: Extract<Entry, { event: 'failed' }>[] = []
  for (const entry of entries) {
    if (entry.event === 'attempt') {
      attempt = entry.attempt
      outcome = undefined
      started = new Set()
      done = new Set()
      failures = []
    } else if (entry.event === 'finished') outcome = entry.outcome
    else if (entry.event === 'failed') failures.push(entry)
    else (entry.event === 'started' ? started : done).add(`${entry.phase}:${entry.step}`)
  }
  return { attempt, ...(outcome ? { outcome } : {}), started, done, failures }
}

export async function readJournal(path: string): Promise<Linked<Entry>[]> {
  return (await readChain<Entry>(path)).entries
}

export async function record(path: string, entry: Entry, now: () => Date): Promise<void> {
  await append(path, entry, now)
}

export function faultRecord(error: unknown): FaultRecord {
  if (!(error instanceof Fault)) return { code: 'E_INTERNAL', exit: 1, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const { expected, found, faults } = error.detail
  return {
    code: error.code,
    exit: error.exit,
    message: error.message,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(faults === undefined ? {} : { faults }),
  }
}
