import { createHash } from 'node:crypto'
import { fault } from '../codes.ts'
import type { Previous, Release } from '../depot/state.ts'
import type { Floors } from '../floor/floors.ts'

/** What a step is called in plan and journal. The engine knows one action for each depot step. */
export const STEP_IDS = [
  'upload-installer',
  'upload-bundle',
  'certificates',
  'secrets',
  'authorise',
  'check',
  'import',
  'stage',
  'drain',
  'backup',
  'switch',
  'names',
  'packages',
  'serve',
  'apt-source',
  'hosts',
  'converge',
  'restore',
  'health',
  'commit',
  'prune',
] as const
export type StepId = (typeof STEP_IDS)[number]

export interface Step {
  readonly id: StepId
  readonly title: string
  readonly reason: string
  readonly host: string
  /** Who does it: the operator's station while it is connected, or the engine on the depot, connected or not. */
  readonly where: 'station' | 'depot'
  readonly estimateSeconds: number
  readonly undo: string
}

export type PlanKind = 'install' | 'upgrade' | 'rollback'

/** What will be done, as data: the same inputs give the same bytes, so that its digest names what was reviewed. */
export interface Plan {
  readonly formatVersion: 1
  readonly kind: PlanKind
  readonly site: {
    readonly name: string
    readonly domain: string
    readonly sha512: string
    /** sha512 of each public file that site.yaml names. */
    readonly files?: Readonly<Record<string, string>>
  }
  /** The release that runs when the plan ends well. */
  readonly release: Release
  /** Of its bundle: bytes on the medium, and the marking's level. */
  readonly bytes: number
  readonly marking: string
  /** The release that runs now; put back when a step fails. */
  readonly from?: Release
  /** Of a rollback: the release and the backup that are put back. */
  readonly back?: Previous
  readonly policy: string
  /** What the station remembers: one of the holders of the floor. */
  readonly floors: Floors
  readonly notes: readonly string[]
  readonly steps: readonly Step[]
  /** Run when a step from `drain` on fails, so that the release in `from` runs again with its data. */
  readonly undo: readonly Step[]
}

export function serialisePlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`
}

export function planDigest(plan: Plan): string {
  return createHash('sha512').update(serialisePlan(plan)).digest('hex')
}

/** Name of the plan's folder and systemd unit on the depot. */
export function planId(plan: Plan): string {
  return planDigest(plan).slice(0, 24)
}

/** Throws E_PLAN_STALE when it is not a plan of this version. */
export function parsePlan(text: string, path: string): Plan {
  try {
    const plan = JSON.parse(text) as Plan
    if (plan.formatVersion === 1 && Array.isArray(plan.steps) && serialisePlan(plan) === text) return plan
  } catch {
    // Said below, as for any other text.
  }
  throw fault('E_PLAN_STALE', `${path} is not a plan of this version, or was edited`)
}

/** Throws E_PLAN_STALE, naming what differs, unless the reviewed plan is the one that would be made now. */
export function assertSamePlan(reviewed: Plan, now: Plan): void {
  if (planDigest(reviewed) === planDigest(now)) return
  const keys = new Set([...Object.keys(reviewed), ...Object.keys(now)]) as Set<keyof Plan>
  const differing = [...keys].filter((key) => JSON.stringify(reviewed[key]) !== JSON.stringify(now[key]))
  throw fault('E_PLAN_STALE', 'the reviewed plan is not the one that would be made now', {
    faults: differing.map((key) => `${key} differs`),
    expected: `plan ${planId(reviewed)}`,
    found: `plan ${planId(now)}`,
  })
}
