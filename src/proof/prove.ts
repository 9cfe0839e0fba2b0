import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { OnProgress } from '../bundle/fault.ts'
import { ContentStore } from '../bundle/store.ts'
import type { Definition } from '../connected/definition/definition.ts'
import { layOutRelease } from '../enclave/depot/layout-release.ts'
import { hostPaths } from '../enclave/paths.ts'
import { labCapture, labDown, labUp, labWatch, type Capture, type Lab, type Packets, type Watch } from '../lab/lab.ts'
import { readTried, treeOf, installs, type TriedBundle } from './bundle.ts'
import type { Check, Untried } from './check.ts'
import { CLIENTS } from './clients.ts'
import { DEPOT, DEPOT_PACKAGES, on, serveFrom } from './depot.ts'
import { act, health, type Act } from './enclave.ts'
import { BUNDLE, IMAGE_PACKAGES, imageChecks } from './images.ts'
import { newOrganisation } from './organisation.ts'
import type { ProofRecord, Tried } from './record.ts'
import { FILES, layOutChecks, tryCheck } from './trial.ts'

export interface ProofOptions {
  /** The bundle that was just built. */
  readonly bundle: string
  readonly definition: Definition
  /** Name of the lab. */
  readonly lab: string
  readonly now: () => Date
  readonly signal: AbortSignal
}

export interface ProofStep {
  readonly title: string
  run(progress: OnProgress): Promise<string>
}

/** A proof as named steps, to be run in this order; `end` always, also after a failure. */
export interface ProofRun {
  readonly steps: readonly ProofStep[]
  /** Where the record lies, and what it says. */
  result(): { readonly file: string; readonly record: ProofRecord }
  end(): Promise<void>
}

export const recordFile = (bundle: string): string => `${bundle}.proof.json`

/**
 * Installs and starts everything of a bundle in disposable hosts without network: each mirror by its ecosystem's own client, each
 * image by podman, and a release with playbooks as a whole. A record of an earlier build is taken away first.
 */
export async function startProof(options: ProofOptions): Promise<ProofRun> {
  const bundle = await readTried(options.bundle)
  await rm(recordFile(options.bundle), { force: true })
  const work = join(dirname(options.bundle), `.${basename(options.bundle)}.proving-${process.pid}`)
  await mkdir(work, { recursive: true, mode: 0o755 })
  const proof = new Proof(options, bundle, work)
  return { steps: await proof.steps(), result: () => proof.result(), end: () => proof.end() }
}

interface Running {
  readonly lab: Lab
  readonly watch: Watch
  readonly capture: Capture
}

class Proof {
  readonly #options: ProofOptions
  readonly #bundle: TriedBundle
  readonly #work: string
  readonly #started = performance.now()
  readonly #tried: Tried[] = []
  readonly #untried: Untried[] = []
  readonly #packets: Omit<Packets, 'file'>[] = []
  #checks: readonly Check[] = []
  #lab: Running | undefined
  #record: ProofRecord | undefined

  constructor(options: ProofOptions, bundle: TriedBundle, work: string) {
    this.#options = options
    this.#bundle = bundle
    this.#work = work
  }

  async steps(): Promise<ProofStep[]> {
    const { definition } = this.#options
    const { statement } = this.#bundle
    const groups: { readonly title: string; readonly checks: readonly Check[] }[] = []
    for (const mirror of definition.mirrors) {
      const entry = statement.mirrors.find(({ name }) => name === mirror.name)
      if (entry === undefined) continue
      const tree = await treeOf(this.#bundle, entry.tree.sha256, mirror.name)
      const { checks, untried = [] } = await CLIENTS[mirror.ecosystem].checks({ mirror, tree, definition, depot: DEPOT })
      this.#untried.push(...untried)
      if (checks.length > 0) groups.push({ title: `Install from the mirror ${mirror.name} (${mirror.ecosystem})`, checks })
    }
    if (statement.images.length > 0) groups.push({ title: 'Start the images', checks: imageChecks(statement.images, definition) })
    this.#checks = groups.flatMap(({ checks }) => checks)
    const first = groups.map(({ checks }, index) => ({ checks, from: groups.slice(0, index).reduce((sum, group) => sum + group.checks.length, 0) }))
    this.#untried.push(...untriedIac(definition, installs(this.#bundle)))
    return [
      ...(this.#checks.length > 0 ? [{ title: 'Make a disposable host without network', run: (progress: OnProgress) => this.#workbench(progress) }] : []),
      ...groups.map(({ title }, index) => ({ title, run: (progress: OnProgress) => this.#try(first[index]?.checks ?? [], first[index]?.from ?? 0, progress) })),
      ...(installs(this.#bundle) ? [{ title: 'Install the release on another', run: (progress: OnProgress) => this.#install(progress) }] : []),
      { title: 'Write the record', run: () => this.#write() },
    ]
  }

  result(): { file: string; record: ProofRecord } {
    if (this.#record === undefined) throw new Error('the proof has not ended')
    return { file: recordFile(this.#options.bundle), record: this.#record }
  }

  async end(): Promise<void> {
    await this.#down().catch(() => undefined)
    await rm(this.#work, { recursive: true, force: true })
  }

  async #workbench(progress: OnProgress): Promise<string> {
    const { definition, bundle } = this.#options
    const ecosystems = new Set(definition.mirrors.map(({ ecosystem }) => ecosystem))
    const clients = [...ecosystems].flatMap((ecosystem) => CLIENTS[ecosystem].packages)
    const release = await this.#layOut()
    await layOutChecks(join(this.#work, 'checks'), this.#checks)
    const mounts = [
      { from: bundle, to: BUNDLE },
      { from: release, to: hostPaths().current },
      { from: join(this.#work, 'checks'), to: FILES },
    ]
    await this.#up(
      {
        hosts: this.#checks.some((check) => check.on === 'target') ? 2 : 1,
        with: [...DEPOT_PACKAGES, ...clients, ...(this.#bundle.statement.images.length > 0 ? IMAGE_PACKAGES : [])],
        withOn: ['h1'],
        mounts: mounts.map((mount) => ({ ...mount, readOnly: true })),
      },
      progress,
    )
    const { lab } = this.#here()
    await serveFrom(lab, release)
    if (lab.hosts.length > 1) await on(lab, 'h2', 'apt-get -q -o APT::Update::Error-Mode=any update')
    // What the hosts themselves asked for while they started is not the bundle's.
    await this.#here().watch.since()
    return `${lab.hosts.length} host(s), no route out`
  }

  /** The mirrors as a depot serves them: hard links into the bundle's own blobs, beside it. */
  async #layOut(): Promise<string> {
    const paths = hostPaths(join(this.#work, 'depot'))
    const { folder, statement, bytes, digest } = this.#bundle
    await mkdir(paths.releases, { recursive: true })
    return await layOutRelease(paths, new ContentStore(folder), statement, bytes, digest)
  }

  async #try(checks: readonly Check[], from: number, progress: OnProgress): Promise<string> {
    const { lab, watch } = this.#here()
    let wrong = 0
    for (const [index, check] of checks.entries()) {
      progress({ done: index, total: checks.length, unit: 'items', note: check.what })
      const tried = await tryCheck(lab, watch, check, from + index, this.#options.signal)
      if (!tried.well) wrong += 1
      this.#tried.push(tried)
    }
    return wrong === 0 ? `${checks.length} well` : `${wrong} of ${checks.length} NOT well`
  }

  /** On a host of its own that has nothing of the clients: what the release needs has to come from it. */
  async #install(progress: OnProgress): Promise<string> {
    const { definition, bundle, signal, now } = this.#options
    const { statement } = this.#bundle
    await this.#down()
    const organisation = await newOrganisation(join(this.#work, 'organisation'), [statement], now())
    const accepted = await organisation.accept(bundle, 'bundle', progress, signal)
    await this.#up({ hosts: 1 }, progress)
    const { lab, watch } = this.#here()
    const site = await organisation.site(lab, statement)
    const enclave = { lab, site, watch, signal }
    const line = definition.placeOf('iac', Math.max(0, definition.iac.findIndex(({ kind }) => kind === 'ansible')))
    const installed = await act(enclave, 'install', accepted, 'installation', progress)
    this.#tried.push(triedAct(installed, line))
    if (installed.faults.length > 0) return 'NOT installed'
    const well = await health(enclave, accepted, statement.version)
    this.#tried.push(triedAct(well, line))
    return well.faults.length > 0 ? 'installed, NOT well' : `runs, with ${site.roles.join(', ')}`
  }

  async #write(): Promise<string> {
    this.#options.signal.throwIfAborted()
    await this.#down()
    const { statement, digest } = this.#bundle
    const { name, version, sequence } = statement
    const quiet = this.#packets.every(({ elsewhere }) => Object.keys(elsewhere).length === 0)
    this.#record = {
      type: 'application/vnd.sallyport.proof.v1+json',
      bundle: { name, version, sequence, sha512: digest },
      made: `${this.#options.now().toISOString().slice(0, 19)}Z`,
      seconds: Math.round((performance.now() - this.#started) / 1000),
      proven: quiet && this.#tried.every(({ well }) => well),
      tried: this.#tried,
      untried: this.#untried,
      packets: this.#packets,
    }
    const file = recordFile(this.#options.bundle)
    await writeFile(file, `${JSON.stringify(this.#record, null, 2)}\n`)
    return basename(file)
  }

  async #up(request: Omit<Parameters<typeof labUp>[0], 'name'>, progress: OnProgress): Promise<void> {
    const { lab: name, signal } = this.#options
    const lab = await labUp({ name, ...request, progress, signal })
    try {
      const watch = await labWatch(lab)
      this.#lab = { lab, watch, capture: await labCapture(lab) }
    } catch (error) {
      await labDown(name)
      throw error
    }
  }

  #here(): Running {
    if (this.#lab === undefined) throw new Error('there is no lab')
    return this.#lab
  }

  async #down(): Promise<void> {
    if (this.#lab === undefined) return
    const { lab, watch, capture } = this.#lab
    this.#lab = undefined
    try {
      const { total, inside, noise, elsewhere, refusedInHost } = await capture.stop()
      this.#packets.push({ total, inside, noise, elsewhere, refusedInHost })
    } finally {
      await watch.stop()
      await labDown(lab.name)
    }
  }
}

function untriedIac(definition: Definition, installed: boolean): Untried[] {
  return definition.iac.flatMap(({ name, kind }, at) => {
    if (kind === 'ansible' && installed) return []
    const why = kind === 'ansible' ? 'only a release with an installer is installed as a whole' : `nothing here runs ${kind}`
    return [{ what: `iac ${name}`, line: definition.placeOf('iac', at), why }]
  })
}

function triedAct({ title, seconds, faults, reached }: Act, line: string): Tried {
  return {
    ...{ what: title, line, seconds, well: faults.length === 0 && reached.length === 0 },
    ...(faults.length === 0 ? {} : { why: faults.join('; ') }),
    reached: reached.map(({ during, ...one }) => ({ ...one, to: `${one.to} (${during})` })),
  }
}
