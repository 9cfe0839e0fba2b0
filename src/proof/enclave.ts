import type { OnProgress } from '../bundle/fault.ts'
import { hostNamed, labRun, type Lab, type Watch } from '../lab/lab.ts'
import { ask, type Answer } from './operator.ts'
import { DOMAIN, type Site } from './organisation.ts'
import { reachedOf, type Reached } from './record.ts'

/** One thing an operator does with a site, and what came of it. */
export interface Act {
  readonly title: string
  readonly seconds: number
  /** What is wrong, a line each; empty when it ended as it has to. */
  readonly faults: readonly string[]
  /** What reached out while the engine was at each of its steps. */
  readonly reached: readonly (Reached & { readonly during: string })[]
}

export type Verb = 'install' | 'upgrade' | 'rollback'

interface Status {
  readonly running?: { readonly version: string }
  readonly broken: boolean
  readonly services: readonly { readonly host: string; readonly unit: string; readonly state: string }[]
  readonly away: readonly { readonly host: string; readonly found: string }[]
}

export interface Enclave {
  readonly lab: Lab
  readonly site: Site
  readonly watch: Watch
  readonly signal: AbortSignal
}

/** Installs, upgrades or goes back, by the executable of the bundle itself, as an operator does. `bundle` is a signed one. */
export async function act(enclave: Enclave, verb: Verb, bundle: string, title: string, onProgress: OnProgress): Promise<Act> {
  const { site, watch, signal } = enclave
  const steps: { at: number; task: string }[] = []
  let done = 0
  const words = [verb, ...(verb === 'rollback' ? [] : [bundle]), '--site', site.folder, '--yes', '--ca-passphrase-file', site.passphrase]
  const onEvent = ({ event, task }: { event?: string; task?: string }): void => {
    if (task === undefined) return
    if (event === 'start') {
      steps.push({ at: Date.now(), task })
      done += 1
    }
    onProgress({ done, unit: 'items', note: task })
  }
  return await during(watch, title, steps, async () => {
    const answer = await ask([`${bundle}/sallyport`], words, { signal, onEvent })
    signal.throwIfAborted()
    return answer.exit === 0 ? [] : refusal(answer)
  })
}

/** Which release runs, whether every service of it does, and whether systemd has a failed unit. */
export async function health(enclave: Enclave, bundle: string, version: string): Promise<Act> {
  const { lab, site, watch, signal } = enclave
  return await during(watch, `health of ${version}`, [], async () => {
    const answer = await ask([`${bundle}/sallyport`], ['status', '--site', site.folder], { signal })
    if (answer.exit !== 0) return refusal(answer)
    const { running, broken, services, away } = answer.result as Status
    const faults = [
      ...(running?.version === version ? [] : [`${running?.version ?? 'nothing'} runs, not ${version}`]),
      ...(broken ? ['neither release is sure to run'] : []),
      ...services.filter(({ state }) => state !== 'active').map(({ host, unit, state }) => `${unit} on ${host} is ${state}`),
      ...away.map(({ host, found }) => `${host} does not answer: ${found}`),
    ]
    for (const { name } of lab.hosts) {
      const { stdout } = await labRun(lab, hostNamed(lab, name), 'systemctl --failed --plain --no-legend | cut -d" " -f1', undefined, signal)
      faults.push(...stdout.split('\n').filter((unit) => unit !== '').map((unit) => `${unit} on ${name} has failed`))
    }
    return faults
  })
}

async function during(watch: Watch, title: string, steps: readonly { readonly at: number; readonly task: string }[], work: () => Promise<readonly string[]>): Promise<Act> {
  const started = performance.now()
  const began = Date.now()
  const faults = await work()
  const seconds = Math.round((performance.now() - started) / 100) / 10
  const taskAt = (at: number): string => (at < began ? 'before it began' : (steps.findLast((step) => step.at <= at)?.task ?? title))
  const seen = Map.groupBy(await watch.since(), ({ at }) => taskAt(at))
  const reached = [...seen].flatMap(([task, reaches]) => reachedOf(reaches, DOMAIN).map((one) => ({ ...one, during: task })))
  return { title, seconds, faults, reached }
}

function refusal({ exit, error, stderr }: Answer): string[] {
  if (error === undefined) return [`it ended with ${exit}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`]
  return [`${error.code}: ${error.message} (exit ${exit})`, ...(error.faults ?? [])]
}
