import { mkdir, readlink, realpath, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { parsePlan, planId } from '../plan/plan.ts'
import { command, lastLines } from './command.ts'
import { planFiles } from './context.ts'
import { readJournal, record, standingOf } from './journal.ts'
import { forgetKey } from './ssh-agent.ts'

const SYSTEMCTL_TIMEOUT_MS = 60_000

/** What the station hands over once; nothing of it is secret. */
export interface Handover {
  /** Exact text of the plan. */
  readonly plan: string
  /** Exact text of site.yaml. */
  readonly site: string
  /** Bytes of the trust policy, base64. */
  readonly policy: string
  /** Those that followed it, in their order, base64; a station of before knows of none. */
  readonly laterPolicies?: readonly string[]
  /** Text of the public files that site.yaml names. */
  readonly files: Readonly<Record<string, string>>
}

/**
 * The engine as a unit: it goes on when the station is gone, starts again after a crash, and after a reboot in the middle
 * of a plan. umask 022: modes are given where files are made.
 */
export function engineUnit(paths: HostPaths): string {
  return `[Unit]
Description=Sallyport engine, plan %i
ConditionPathExists=${paths.journal}/%i/plan.json
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart=${paths.binary}/engine-%i engine run %i
Restart=on-failure
RestartSec=2
UMask=0022
KillMode=mixed
TimeoutStopSec=120

[Install]
WantedBy=multi-user.target
`
}

/** Takes a plan over and starts the unit, or finds it running already. Throws E_ENGINE_BUSY while another plan is at work. */
export async function startPlan(paths: HostPaths, handover: Handover, now: () => Date): Promise<string> {
  const id = planId(parsePlan(handover.plan, 'the plan'))
  const active = await activePlan(paths)
  if (active !== undefined && active !== id) throw fault('E_ENGINE_BUSY', `the depot works on plan ${active}`, { expected: id, found: active })
  const files = planFiles(paths, id)
  const standing = standingOf(await readJournal(files.journal))
  if (active === undefined || standing.attempt === 0 || standing.outcome) {
    await mkdir(files.folder, { recursive: true, mode: 0o700 })
    await writeDurably(files.site, handover.site)
    await writeDurably(files.policy, Buffer.from(handover.policy, 'base64'))
    await writeDurably(files.laterPolicies, JSON.stringify(handover.laterPolicies ?? []))
    await writeDurably(files.handed, JSON.stringify(handover.files))
    await writeDurably(files.plan, handover.plan)
    await record(files.journal, { event: 'attempt', attempt: standing.attempt + 1 }, now)
    await link(join('.', id), join(paths.journal, 'active'))
    await link(await realpath(paths.installer), engineLink(paths, id))
    await writeDurably(join(paths.units, 'sallyport-engine@.service'), engineUnit(paths))
  }
  await systemctl('daemon-reload')
  await systemctl('enable', unitOf(id))
  await systemctl('start', '--no-block', unitOf(id))
  return id
}

/** The plan that the engine has not finished. */
export async function activePlan(paths: HostPaths): Promise<string | undefined> {
  const target = await readlink(join(paths.journal, 'active')).catch(() => undefined)
  return target?.replace(/^\.\//, '')
}

/** After the last entry of the journal: nothing starts this plan again. */
export async function endPlan(paths: HostPaths, id: string): Promise<void> {
  await rm(join(paths.journal, 'active'), { force: true })
  await systemctl('disable', unitOf(id))
  await rm(engineLink(paths, id), { force: true })
  await forgetKey(id)
}

export function unitOf(id: string): string {
  return `sallyport-engine@${id}.service`
}

function engineLink(paths: HostPaths, id: string): string {
  return join(paths.binary, `engine-${id}`)
}

async function link(target: string, path: string): Promise<void> {
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  await symlink(target, temporary)
  await rename(temporary, path)
}

async function systemctl(...args: string[]): Promise<void> {
  const { code, tail } = await command('/usr/bin/systemctl', args, { timeoutMs: SYSTEMCTL_TIMEOUT_MS })
  if (code !== 0) throw fault('E_ENGINE', `systemctl ${args.join(' ')} ended with ${code}`, { faults: lastLines(tail, 10) })
}
