import { mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { OnProgress } from '../bundle/fault.ts'
import { labCapture, labDown, labUp, labWatch, type Capture, type Packets } from '../lab/lab.ts'
import { installs, readTried, type TriedBundle } from './bundle.ts'
import { fault } from './codes.ts'
import { act, health, type Act, type Enclave, type Verb } from './enclave.ts'
import { newOrganisation } from './organisation.ts'

export interface RehearsalOptions {
  /** Folders of two releases of one name. */
  readonly old: string
  readonly fresh: string
  /** Name of the lab. */
  readonly lab: string
  readonly hosts: number
  readonly now: () => Date
  readonly signal: AbortSignal
}

export interface Rehearsal {
  readonly from: { readonly name: string; readonly version: string; readonly sha512: string }
  readonly to: { readonly name: string; readonly version: string; readonly sha512: string }
  readonly roles: readonly string[]
  /** In their order; after one that failed there is none. */
  readonly acts: readonly Act[]
  /** What was on the wire; undefined when no host came up. */
  readonly packets: Omit<Packets, 'file'> | undefined
}

export interface RehearsalStep {
  readonly title: string
  run(progress: OnProgress): Promise<string>
}

export interface RehearsalRun {
  readonly steps: readonly RehearsalStep[]
  /** What there is of it, also after a step that failed. */
  result(): Rehearsal
  /** Takes the hosts down and the copies away; always, and before `result`. */
  end(): Promise<void>
}

/**
 * Old release, upgrade, rollback and upgrade again, each by the executable of the bundle itself and each followed by a look
 * at the services. Throws E_REHEARSAL_BUNDLES before anything is made; its steps throw E_REHEARSAL.
 */
export async function startRehearsal(options: RehearsalOptions): Promise<RehearsalRun> {
  const bundles = { old: await readTried(options.old), fresh: await readTried(options.fresh) }
  assertPair(bundles.old, bundles.fresh)
  const work = join(dirname(options.fresh), `.${basename(options.fresh)}.rehearsing-${process.pid}`)
  await mkdir(work, { recursive: true, mode: 0o755 })
  const acts: Act[] = []
  let signed = { old: '', fresh: '' }
  let site: ((lab: Enclave['lab']) => Promise<Enclave['site']>) | undefined
  let enclave: Enclave | undefined
  let roles: readonly string[] = []
  let capture: Capture | undefined
  let packets: Rehearsal['packets']

  const done = async (made: Act): Promise<string> => {
    acts.push(made)
    if (made.faults.length > 0) throw fault('E_REHEARSAL', `${made.title} failed after ${made.seconds} s.`, { faults: made.faults })
    return made.reached.length === 0 ? 'nothing reached out' : `${made.reached.length} place(s) reached for`
  }
  const here = (): Enclave => {
    if (enclave === undefined) throw new Error('there is no lab')
    return enclave
  }
  const change = (verb: Verb, bundle: 'old' | 'fresh', title: string): RehearsalStep => ({ title, run: async (progress) => done(await act(here(), verb, signed[bundle], title, progress)) })
  const well = (bundle: 'old' | 'fresh', title: string): RehearsalStep => ({ title, run: async () => done(await health(here(), signed[bundle], bundles[bundle].statement.version)) })
  const [was, is] = [bundles.old.statement.version, bundles.fresh.statement.version]

  return {
    steps: [
      {
        title: 'Copy and sign for a disposable organisation',
        async run(progress) {
          const organisation = await newOrganisation(join(work, 'organisation'), [bundles.old.statement, bundles.fresh.statement], options.now())
          signed = { old: await organisation.accept(options.old, 'old', progress, options.signal), fresh: await organisation.accept(options.fresh, 'fresh', progress, options.signal) }
          site = (lab) => organisation.site(lab, bundles.old.statement)
          return 'hard links: no space is taken'
        },
      },
      {
        title: 'Make disposable hosts without network',
        async run(progress) {
          const lab = await labUp({ name: options.lab, hosts: options.hosts, progress, signal: options.signal })
          try {
            const watch = await labWatch(lab)
            capture = await labCapture(lab)
            enclave = { lab, watch, site: await (site as NonNullable<typeof site>)(lab), signal: options.signal }
          } catch (error) {
            await labDown(lab.name)
            throw error
          }
          roles = enclave.site.roles
          return `${lab.hosts.length} host(s), for ${roles.join(', ')}`
        },
      },
      change('install', 'old', `Install ${was}`),
      well('old', `Is ${was} well`),
      change('upgrade', 'fresh', `Upgrade to ${is}`),
      well('fresh', `Is ${is} well`),
      change('rollback', 'fresh', `Go back to ${was}`),
      well('old', `Is ${was} well again`),
      change('upgrade', 'fresh', `Upgrade to ${is} again`),
      well('fresh', `Is ${is} well again`),
    ],
    result: () => ({ from: named(bundles.old), to: named(bundles.fresh), roles, acts, packets }),
    async end() {
      try {
        if (enclave === undefined) return
        const { watch, lab } = enclave
        enclave = undefined
        try {
          const recorded = await capture?.stop()
          if (recorded !== undefined) packets = { total: recorded.total, inside: recorded.inside, noise: recorded.noise, elsewhere: recorded.elsewhere, refusedInHost: recorded.refusedInHost }
        } finally {
          await watch.stop()
          await labDown(lab.name)
        }
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
  }
}

function assertPair(old: TriedBundle, fresh: TriedBundle): void {
  const faults = [old, fresh].flatMap((one) => (installs(one) ? [] : [`${one.folder} is not a release with Ansible and an installer`]))
  if (old.statement.name !== fresh.statement.name) faults.push(`they are ${old.statement.name} and ${fresh.statement.name}`)
  if (old.statement.sequence >= fresh.statement.sequence) faults.push(`sequence ${old.statement.sequence} is to be upgraded to ${fresh.statement.sequence}`)
  if (faults.length > 0) throw fault('E_REHEARSAL_BUNDLES', 'these bundles cannot be rehearsed', { faults })
}

function named({ statement: { name, version }, digest }: TriedBundle): Rehearsal['from'] {
  return { name, version, sha512: digest }
}
