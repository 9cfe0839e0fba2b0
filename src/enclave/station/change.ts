import { readFile } from 'node:fs/promises'
import type { Bundle } from '../../bundle/bundle.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import { seen } from '../floor/floors.ts'
import { assertSamePlan, parsePlan, planId, type Plan } from '../plan/plan.ts'
import type { Facts } from '../preflight/facts.ts'
import { raiseRecord } from '../site/record.ts'
import { apply, certifyAgain, watch, type Application, type Applied } from './apply.ts'
import { Follower } from './follow.ts'
import { assertApproved, assertIdle, lookAt, lookAtOthers, planBack, planFor, type SiteFacts } from './look.ts'
import { waysTo, type Secrets } from './session.ts'
import { readSiteFiles, type SiteFiles } from './site-files.ts'
import { planAtWork } from './status.ts'

export interface Change {
  readonly verb: 'install' | 'upgrade' | 'rollback'
  /** Folder of the bundle; a rollback has none. */
  readonly bundle?: string
  readonly site: string
  /** Folder with approvals that came apart from the bundle. */
  readonly approvals?: string
  /** File of the reviewed plan. */
  readonly reviewed?: string
  readonly confirmed: boolean
  readonly secrets: Secrets
  readonly now: () => Date
  readonly tasks: Application['tasks']
  /** Shows a plan before it is run. */
  readonly show: (plan: Plan) => void
}

export interface Changed extends Applied {
  /** Nothing was to be done, or another station had started it. */
  readonly note?: string
}

/**
 * Installs, upgrades or goes back: looks, judges, plans, and runs exactly that plan. When the depot is already at work
 * on it, because this station or another started it, it is only watched to its end.
 */
export async function changeSite(change: Change): Promise<Changed> {
  const files = await readSiteFiles(change.site)
  const ways = await waysTo(files.site, change.secrets)
  const found = { facts: undefined as Facts | undefined, bundle: undefined as Bundle | undefined, plan: undefined as Plan | undefined }
  await change.tasks([
    {
      title: `Look at the ${files.site.hosts.length > 1 ? 'hosts' : 'depot'}${change.bundle === undefined ? '' : ', verify the bundle'}`,
      run: async (onProgress: OnProgress) => {
        const connection = await ways.depot()
        try {
          found.facts = await lookAt(connection)
          if (found.facts.active !== undefined) {
            const { plan } = await planAtWork(connection, found.facts.active)
            await assertOwn(change, plan, files, { depot: found.facts, others: new Map() })
            found.plan = plan
            return `the depot is at work on plan ${found.facts.active}`
          }
        } finally {
          connection.close()
        }
        const facts = { depot: found.facts, others: await lookAtOthers(ways) }
        if (change.bundle === undefined) found.plan = planBack(files, facts)
        else Object.assign(found, await judge(change, change.bundle, files, facts, onProgress))
        return undefined
      },
    },
  ])
  const { plan, facts, bundle } = found
  if (!facts) throw fault('E_HOST_UNREACHABLE', 'the depot was not reached')
  if (!plan) return already(files, facts)
  const application: Application = {
    files,
    plan,
    ...(bundle ? { bundle } : {}),
    ...(change.approvals === undefined ? {} : { approvals: change.approvals }),
    ways,
    issuingPassphrase: change.secrets.issuingPassphrase,
    now: change.now,
    tasks: change.tasks,
  }
  if (facts.active !== undefined) {
    const connection = await ways.depot()
    const again = certifyAgain(application)
    const follower = new Follower(connection, ways.depot, facts.active, again)
    try {
      await again(connection)
      return { ...(await watch(application, follower, facts.active)), note: 'it had been started before' }
    } finally {
      follower.connection.close()
    }
  }
  if (change.reviewed === undefined) change.show(plan)
  await assertConfirmed(change, plan)
  if (bundle) await assertApproved({ plan, bundle }, files, change.now(), change.approvals)
  return apply(application)
}

async function judge(change: Change, directory: string, files: SiteFiles, facts: SiteFacts, onProgress: OnProgress) {
  const running = facts.depot.state?.running
  const options = { now: change.now(), onProgress }
  const verb = change.verb === 'install' ? 'install' : 'upgrade'
  if (verb === 'upgrade' && running) {
    const { bundle, plan } = await planFor(directory, 'any', files, facts, { ...options, whole: false })
    if (plan.release.digest === running.digest) return { bundle }
  }
  const { bundle, plan } = await planFor(directory, verb, files, facts, { ...options, whole: true })
  return { bundle, plan }
}

/** The station that lost its cable comes back after the end: it learns the result, and remembers it. */
async function already(files: SiteFiles, { state }: Facts): Promise<Changed> {
  const running = state?.running
  if (!running) throw fault('E_NOT_INSTALLED', 'nothing runs on this site')
  await raiseRecord(files.folder, seen(running, true))
  const { name, version, sequence, digest } = running
  return { plan: '', outcome: 'committed', running: { name, version, sequence, digest }, note: 'it runs already' }
}

async function assertOwn(change: Change, plan: Plan, files: SiteFiles, facts: SiteFacts): Promise<void> {
  const wanted = change.bundle === undefined ? 'rollback' : change.verb
  const same = wanted === 'rollback' ? plan.kind === 'rollback' : plan.release.digest === (await digestOf(change, files, facts))
  assertIdle(facts.depot, same, wanted)
}

async function digestOf(change: Change, files: SiteFiles, facts: SiteFacts): Promise<string> {
  const { bundle } = await planFor(change.bundle ?? '', 'any', files, facts, { now: change.now() })
  return bundle.digest
}

async function assertConfirmed(change: Change, plan: Plan): Promise<void> {
  if (change.reviewed !== undefined) return assertSamePlan(parsePlan(await readFile(change.reviewed, 'utf8'), change.reviewed), plan)
  if (!change.confirmed) throw fault('E_NOT_CONFIRMED', `plan ${planId(plan)} was shown, not run`)
}
