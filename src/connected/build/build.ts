import { rm, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { CODES as BUNDLE_CODES } from '../../bundle/codes.ts'
import { Fault, type OnProgress } from '../../bundle/fault.ts'
import { ContentStore } from '../../bundle/store.ts'
import { writeBundle, type BundleParts, type WrittenBundle } from '../../bundle/write.ts'
import { fault } from '../codes.ts'
import type { Definition } from '../definition/definition.ts'
import { loadDefinition } from '../definition/load.ts'
import { buildImage, type PinnedLayers } from '../images/image.ts'
import { buildInstaller, type BuiltInstaller } from '../images/installer.ts'
import { lockText, readLock, writeLock } from '../lock/file.ts'
import type { Lock } from '../lock/lock.ts'
import { refuseStale } from '../lock/stale.ts'
import type { LockedItem } from '../sources/source.ts'
import { docsOfCheckout } from './checkout.ts'
import { evidenceOf, type MadeImage } from './evidence.ts'
import { Inputs } from './inputs.ts'
import { scratchIn } from './scratch.ts'

export interface BuildOptions {
  /** Folder of the definition, or its bundle.yaml. */
  readonly definition: string
  /** The bundle's folder, which must not exist yet. */
  readonly out: string
  /** Resolve again instead of using the lock. */
  readonly update: boolean
  /** Folder of the content store. */
  readonly store: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Items fetched at a time, 6 when absent. */
  readonly concurrency?: number
  /** Milliseconds between tries while an upstream cannot be reached; those of patience.ts when absent. */
  readonly pauses?: readonly number[]
  /** Whether the installer executable goes in; true when absent. */
  readonly installer?: boolean
}

export interface BuiltBundle extends WrittenBundle {
  readonly lockFile: string
  /** True when this build wrote the lock. */
  readonly resolved: boolean
  readonly items: number
}

export interface BuildStep {
  readonly title: string
  run(progress: OnProgress): Promise<string>
}

/** A build as named steps, to be run in this order; `end` always, also after a failure. */
export interface BuildRun {
  readonly definition: Definition
  readonly steps: readonly BuildStep[]
  result(): BuiltBundle
  end(): Promise<void>
}

/**
 * Definition → lock → content store → images and trees → bundle. Steps leave nothing half done: what was fetched stays
 * in the store, the bundle appears as a whole or not at all, the lock is written just before the bundle.
 */
export async function startBuild(options: BuildOptions): Promise<BuildRun> {
  const out = resolve(options.out)
  if (await stat(out).catch(() => undefined))
    throw new Fault('E_BUNDLE_EXISTS', BUNDLE_CODES.E_BUNDLE_EXISTS, `${options.out} exists already.`, {
      expected: 'a folder that is not there yet',
    })
  const definition = await loadDefinition(options.definition)
  const lock = options.update ? undefined : await readLock(definition.lockFile)
  if (lock !== undefined) refuseStale(lock, definition)
  const base =
    options.update || lock !== undefined || definition.baseLockFile === undefined
      ? undefined
      : await readLock(definition.baseLockFile)
  const store = new ContentStore(options.store)
  const scratch = await scratchIn(options.store)
  const build = new Build(definition, lock, base, store, scratch, { ...options, out })
  return {
    definition,
    steps: build.steps(),
    result: () => build.result(),
    end: () => rm(scratch, { recursive: true, force: true }),
  }
}

/** Runs all steps of a build without a person watching. */
export async function build(
  options: BuildOptions,
  onStep?: (title: string, note?: string) => void,
): Promise<BuiltBundle> {
  const run = await startBuild(options)
  try {
    for (const step of run.steps) {
      onStep?.(step.title)
      const note = await step.run(() => {})
      onStep?.(step.title, note)
    }
    return run.result()
  } finally {
    await run.end()
  }
}

class Build {
  readonly #definition: Definition
  readonly #lock: Lock | undefined
  readonly #base: Lock | undefined
  readonly #store: ContentStore
  readonly #scratch: string
  readonly #options: BuildOptions
  readonly #inputs: Inputs
  readonly #images: MadeImage[] = []
  #outputs: PinnedLayers = {}
  #written: WrittenBundle | undefined

  constructor(
    definition: Definition,
    lock: Lock | undefined,
    base: Lock | undefined,
    store: ContentStore,
    scratch: string,
    options: BuildOptions,
  ) {
    this.#definition = definition
    this.#lock = lock
    this.#base = base
    this.#store = store
    this.#scratch = scratch
    this.#options = options
    const { env, signal } = options
    const { target, locate } = definition
    this.#inputs = new Inputs(definition, { store, scratch, target, signal, env, locate }, options.pauses)
  }

  steps(): BuildStep[] {
    const images = this.#definition.images.length
    return [
      {
        title: this.#lock === undefined ? 'Resolve' : 'Read the lock',
        run: (progress) => this.#step(() => this.#resolve(progress)),
      },
      { title: 'Fetch', run: (progress) => this.#step(() => this.#fetch(progress)) },
      ...(images > 0
        ? [{ title: 'Build images', run: (progress: OnProgress) => this.#step(() => this.#buildImages(progress)) }]
        : []),
      { title: 'Write the bundle', run: (progress) => this.#step(() => this.#write(progress)) },
    ]
  }

  result(): BuiltBundle {
    if (this.#written === undefined) throw new Error('the build has not ended')
    return {
      ...this.#written,
      lockFile: this.#definition.lockFile,
      resolved: this.#lock === undefined,
      items: this.#inputs.all().length,
    }
  }

  /** An abort surfaces as whatever it broke: it is named for what it is. */
  async #step(work: () => Promise<string>): Promise<string> {
    const { signal } = this.#options
    try {
      signal.throwIfAborted()
      return await work()
    } catch (error) {
      if (signal.aborted && !(error instanceof Fault && error.code === 'E_BUILD_INTERRUPTED'))
        throw fault('E_BUILD_INTERRUPTED', 'The build was interrupted.', { cause: error })
      throw error
    }
  }

  async #resolve(progress: OnProgress): Promise<string> {
    await this.#inputs.resolve(this.#lock ?? this.#base, progress)
    return this.#lock === undefined ? 'upstream asked' : `made ${this.#lock.created}`
  }

  async #fetch(progress: OnProgress): Promise<string> {
    await this.#inputs.fetch(this.#options.concurrency ?? 6, progress)
    const items = this.#inputs.all()
    return `${items.length} items, ${(items.reduce((sum, item) => sum + item.size, 0) / 1e6).toFixed(1)} MB in the store`
  }

  async #buildImages(progress: OnProgress): Promise<string> {
    const { fields, images } = this.#definition
    const outputs: Record<string, PinnedLayers[string]> = {}
    for (const [index, image] of images.entries()) {
      progress({ done: index, total: images.length, unit: 'items', note: image.name })
      const reference = `localhost/${image.name}:${fields.version}`
      if ('request' in image) {
        const manifest = this.#inputs
          .locked('oci', image.request)
          .find((item) => item.attributes?.['role'] === 'manifest')
        if (manifest === undefined)
          throw fault('E_LOCK_INVALID', `The lock has no manifest of the image ${image.name}.`)
        this.#images.push({ name: image.name, reference, manifest, items: this.#inputs.locked('oci', image.request) })
        continue
      }
      const items = new Map<string, LockedItem>()
      const built = await buildImage({
        recipe: image.recipe,
        resolve: async (kind, request) => {
          const locked = this.#inputs.locked(kind, request)
          for (const item of locked) items.set(`${kind}:${item.path}`, item)
          return locked
        },
        store: this.#store,
        scratch: this.#scratch,
        outputs: this.#lock?.outputs ?? {},
        signal: this.#options.signal,
      })
      Object.assign(outputs, built.outputs)
      this.#images.push({ name: image.name, reference, manifest: built.manifest, items: [...items.values()], built })
    }
    this.#outputs = outputs
    progress({ done: images.length, total: images.length, unit: 'items' })
    return `${images.length} image${images.length === 1 ? '' : 's'}`
  }

  async #write(progress: OnProgress): Promise<string> {
    const { lockFile, fields } = this.#definition
    const lock = this.#inputs.lock(this.#definition, this.#lock?.created ?? now(), this.#outputs)
    // Only a release is installed: the monthly advisories do not carry the installer again.
    const installer = this.#options.installer === false || fields.kind !== 'release' ? undefined : await this.#installer()
    const [mirrors, iac, docs] = [await this.#mirrors(), await this.#iac(), await docsOfCheckout()]
    const parts: BundleParts = {
      fields: { ...fields, created: lock.created },
      store: this.#store,
      images: this.#images,
      mirrors,
      iac,
      docs,
      evidence: await evidenceOf({ definition: this.#definition, lock, images: this.#images, mirrors, iac, docs, installer, store: this.#store }),
      installer: installer === undefined ? null : this.#store.pathOf(installer.blob.sha256),
    }
    const text = lockText(lock)
    if (this.#lock === undefined || lockText(this.#lock) !== text) await writeLock(lockFile, lock)
    this.#written = await writeBundle(this.#options.out, parts, { onProgress: progress, signal: this.#options.signal })
    return basename(this.#options.out)
  }

  async #mirrors(): Promise<BundleParts['mirrors']> {
    const mirrors = []
    for (const { name, ecosystem, request } of this.#definition.mirrors) {
      const entries = await this.#inputs.source(ecosystem).tree(this.#inputs.locked(ecosystem, request))
      mirrors.push({ name, ecosystem, entries })
    }
    return mirrors
  }

  async #iac(): Promise<BundleParts['iac']> {
    const trees = []
    for (const { name, kind, files } of this.#definition.iac) {
      const entries = []
      for (const { path, file } of files) {
        const executable = ((await stat(file)).mode & 0o100) !== 0
        entries.push({
          path,
          ...(await this.#store.putFile(file)),
          ...(executable ? { executable: true as const } : {}),
        })
      }
      trees.push({ name, kind, entries })
    }
    return trees
  }

  #installer(): Promise<BuiltInstaller> {
    return buildInstaller({ store: this.#store, scratch: this.#scratch })
  }
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}
