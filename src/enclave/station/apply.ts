import type { Bundle } from '../../bundle/bundle.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { faultFrom } from '../engine/remote-fault.ts'
import type { Handover } from '../engine/start.ts'
import { seen } from '../floor/floors.ts'
import { serialisePlan, type Plan, type Step } from '../plan/plan.ts'
import { raiseRecord } from '../site/record.ts'
import type { Connection } from '../remote/connection.ts'
import { askEngine } from './ask.ts'
import { certifyEngine, trustEngine } from './authorise.ts'
import { certifyHosts } from './certify.ts'
import { deliverBundle, deliverInstallers } from './deliver.ts'
import { Follower } from './follow.ts'
import { handOver } from './hand-over.ts'
import type { Ways } from './session.ts'
import { servicesOf } from '../site/services.ts'
import type { SiteFiles } from './site-files.ts'
import { tellEnds } from './tell-ends.ts'

export interface Application {
  readonly files: SiteFiles
  readonly plan: Plan
  /** Left out when the engine is at work already, and of a rollback. */
  readonly bundle?: Bundle
  /** Folder with approvals that came apart from it. */
  readonly approvals?: string
  readonly ways: Ways
  readonly issuingPassphrase: () => Promise<string>
  readonly now: () => Date
  /** Shows long work; runs the tasks one after the other. */
  readonly tasks: (tasks: readonly { title: string; run(progress: OnProgress): Promise<string | void> }[]) => Promise<void>
}

export interface Applied {
  readonly plan: string
  readonly outcome: 'committed'
  readonly running: { readonly name: string; readonly version: string; readonly sequence: number; readonly digest: string }
}

/**
 * Does the station's steps, hands the plan to the engine on the depot, and watches until it ends. Throws the fault of a
 * failed station step; E_INSTALL_FAILED, E_ROLLED_BACK or E_BROKEN by how the engine ended.
 */
export async function apply(application: Application): Promise<Applied> {
  const { plan, tasks } = application
  const depot = await application.ways.depot()
  let others: readonly Connection[] = []
  let follower: Follower | undefined
  try {
    others = await application.ways.others()
    const hosts = { depot, others }
    const id = { value: '' }
    await tasks([
      ...plan.steps.filter((step) => step.where === 'station').map((step) => stationTask(application, hosts, step)),
      {
        title: 'Hand the plan to the engine',
        run: async () => {
          id.value = await askEngine<string>(depot, 'start', handover(application))
          return `plan ${id.value}: from here on the station only watches`
        },
      },
    ])
    for (const connection of others) connection.close()
    follower = new Follower(depot, application.ways.depot, id.value, certifyAgain(application))
    return await watch(application, follower, id.value)
  } finally {
    follower?.connection.close()
    for (const connection of [depot, ...others]) connection.close()
  }
}

/** A depot that was started anew in the middle of a plan has lost the engine's key: whoever watches gives it another. */
export function certifyAgain({ files, plan, ways, now }: Pick<Application, 'files' | 'plan' | 'ways' | 'now'>) {
  return async (depot: Connection): Promise<void> => {
    if (files.site.hosts.length > 1) await certifyEngine(depot, files.site, plan, ways.login, now())
  }
}

/** Watches a plan that the engine has at work, to its end. */
export async function watch({ plan, files, tasks }: Application, follower: Follower, id: string): Promise<Applied> {
  const engineTask = (phase: 'do' | 'undo') => (step: Step) => ({
    title: phase === 'undo' ? `Put back: ${step.title}` : step.title,
    run: async (progress: OnProgress): Promise<string | void> => {
      const found = await follower.step(phase, step.id, progress)
      if (found.state === 'done') return found.note
      return found.state === 'failed' ? 'FAILED' : 'not run'
    },
  })
  await tasks(plan.steps.filter((step) => step.where === 'depot').map(engineTask('do')))
  const moved = follower.standing.failures.length > 0 && follower.standing.outcome !== 'failed' && plan.undo.length > 0
  if (moved) await tasks(plan.undo.map(engineTask('undo')))
  const standing = await follower.end()
  if (standing.outcome === 'committed') {
    await raiseRecord(files.folder, seen(plan.release, plan.kind !== 'rollback'))
    const { name, version, sequence, digest } = plan.release
    return { plan: id, outcome: 'committed', running: { name, version, sequence, digest } }
  }
  throw ended(plan, standing, files.site.hosts.find((host) => host.roles.includes('depot'))?.name ?? 'the depot')
}

function ended(plan: Plan, standing: Follower['standing'], host: string): Error {
  const [first, ...others] = standing.failures
  const lines = standing.failures.flatMap((one) => [
    `${one.phase === 'undo' ? 'putting back, ' : ''}${one.step}: ${one.fault.code}: ${one.fault.message}`,
    ...(one.fault.faults ?? []),
    ...(one.fault.found === undefined ? [] : [`found: ${one.fault.found}`]),
  ])
  const old = plan.from ? `${plan.from.name} ${plan.from.version}` : 'nothing'
  const detail = { faults: lines, expected: `${plan.release.name} ${plan.release.version} runs` }
  if (standing.outcome === 'rolled-back')
    return fault('E_ROLLED_BACK', `${plan.release.name} ${plan.release.version} failed; ${old} runs`, { ...detail, found: `${old} runs, with its data` })
  if (standing.outcome === 'broken') return fault('E_BROKEN', `neither ${plan.release.name} ${plan.release.version} nor ${old} is sure to run`, detail)
  if (first && others.length === 0 && ['check', 'import', 'stage'].includes(first.step)) return faultFrom(first.fault, host)
  return fault('E_INSTALL_FAILED', `the ${plan.kind} of ${plan.release.name} ${plan.release.version} did not finish`, {
    ...detail,
    found: plan.from ? `${old} runs, untouched` : 'it is partly there',
  })
}

interface Hosts {
  readonly depot: Connection
  readonly others: readonly Connection[]
}

function stationTask(application: Application, { depot, others }: Hosts, step: Step) {
  const { bundle, files, plan, ways, now } = application
  const all = [depot, ...others]
  const work: Readonly<Record<string, (progress: OnProgress) => Promise<string>>> = {
    'upload-installer': (progress) => deliverInstallers(all, need(bundle), progress),
    'upload-bundle': (progress) => deliverBundle(depot, need(bundle), progress, application.approvals),
    certificates: async () => {
      const parts = all.map((connection) => ({ connection, services: certified(plan, connection) }))
      const said = await certifyHosts(parts, files, application.issuingPassphrase, now())
      await tellEnds(all, files, now())
      return said.join('; ')
    },
    secrets: () => handOver(all, files.secrets),
    authorise: async () => {
      await trustEngine(others, files.site, depot.host.address, ways.login)
      return certifyEngine(depot, files.site, plan, ways.login, now())
    },
  }
  return {
    title: step.title,
    run: async (progress: OnProgress): Promise<string | void> => (await work[step.id]?.(progress)) || undefined,
  }
}

function need(bundle: Bundle | undefined): Bundle {
  if (!bundle) throw fault('E_PLAN_STALE', 'this plan needs its bundle')
  return bundle
}

/** Services of the host that the plan brings; the depot and the host itself always. */
function certified(plan: Plan, connection: Connection): readonly string[] {
  const converges = plan.steps.some((step) => step.id === 'converge')
  return servicesOf(connection.host.roles.filter((role) => role === 'depot' || converges))
}

function handover({ plan, files }: Application): Handover {
  return { plan: serialisePlan(plan), site: files.text, policy: files.policyBytes.toString('base64'), laterPolicies: files.laterPolicies.map((one) => one.toString('base64')), files: files.named }
}
