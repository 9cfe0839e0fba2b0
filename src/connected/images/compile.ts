import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { GO_TARGET, makeExecutable } from '../sources/go/program.ts'
import { readArchive } from './archive.ts'
import { fault } from './codes.ts'
import { contentBytes } from './content.ts'
import type { LayerInputs } from './inputs.ts'
import type { CompileSpec } from './recipe.ts'

const TIME_LIMIT_MS = 60 * 60 * 1000

type Parts = LayerInputs['programs'][number]['parts']

/**
 * Compiles a Go program from its parts alone and returns the executable's path below `scratch`, a folder that must not
 * exist yet; about 3 GB for a large program, all but the executable gone afterwards. The go.sum in the module is held
 * against every part once more. Paths, times and the machine leave no trace in the result.
 * Throws E_IMAGE_ARCHIVE, E_IMAGE_RUN with the last lines of the compiler.
 */
export async function compileGo(spec: CompileSpec, parts: Parts, scratch: string): Promise<string> {
  const at = (name: string): string => join(scratch, name)
  await mkdir(at('work'), { recursive: true })
  for (const { path, file } of parts) {
    await mkdir(dirname(join(at('work/proxy'), path)), { recursive: true })
    await symlink(file, join(at('work/proxy'), path))
  }
  await unpack(parts, `golang.org/toolchain@v0.0.1-${spec.toolchain}.linux-amd64`, at('work/toolchain'))
  await makeExecutable(at('work/toolchain'))
  await unpack(parts, spec.module, at('work/source'))
  const variables = Object.entries(spec.set ?? {}).map(([name, value]) => `-X '${name}=${value}'`)
  const flags = ['-trimpath', '-buildvcs=false', '-mod=readonly', `-ldflags=${['-s', '-w', ...variables].join(' ')}`]
  const { failed, all, exitCode, timedOut } = await execa(at('work/toolchain/bin/go'), ['build', ...flags, '-o', at('program'), '.'], {
    cwd: at('work/source'),
    extendEnv: false,
    env: {
      ...GO_TARGET,
      PATH: '/usr/bin:/bin',
      HOME: at('work'),
      GOCACHE: at('work/cache'),
      GOMODCACHE: at('work/modules'),
      GOENV: 'off',
      GOFLAGS: '-modcacherw',
      GOPROXY: `file://${at('work/proxy')}`,
      GOSUMDB: 'off',
      GOTELEMETRY: 'off',
      GOTOOLCHAIN: 'local',
      GOWORK: 'off',
    },
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: TIME_LIMIT_MS,
    maxBuffer: 1 << 24,
  })
  if (failed)
    throw fault('E_IMAGE_RUN', `${spec.module} does not compile with ${spec.toolchain}`, {
      expected: 'exit code 0',
      found: timedOut ? `still running after ${TIME_LIMIT_MS / 60_000} minutes` : `exit code ${exitCode ?? 'none'}`,
      faults: all.trimEnd().split('\n').slice(-15),
    })
  await rm(at('work'), { recursive: true, force: true })
  return at('program')
}

/** Unpacks the zip of a module (go.dev/ref/mod#zip-files), all of whose files stand below `path@version/`. */
async function unpack(parts: Parts, module: string, folder: string): Promise<void> {
  const zip = parts.find(({ path }) => path === zipOf(module))
  if (zip === undefined) throw fault('E_IMAGE_ARCHIVE', `the lock has no source of ${module}`, { expected: zipOf(module) })
  await mkdir(folder, { recursive: true })
  const inflated = `${folder}.inflated`
  for (const { path, node } of (await readArchive(zip.file, 'module.zip', inflated)) ?? []) {
    if (node.type !== 'file' || !path.startsWith(`${module}/`)) continue
    const file = join(folder, path.slice(module.length + 1))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, contentBytes(node.content))
  }
  await rm(inflated, { force: true })
}

/** The module that a program is compiled from, as the owner of its executable. */
export function inputOf({ module }: CompileSpec, parts: Parts): { readonly input?: string } {
  const source = parts.find(({ path }) => path === zipOf(module))
  return source === undefined ? {} : { input: source.sha256 }
}

/** Capital letters are `!` and their small one in paths (go.dev/ref/mod#goproxy-protocol). */
function zipOf(module: string): string {
  const [path = '', version = ''] = module.split('@')
  const escaped = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)
  return `${escaped(path)}/@v/${escaped(version)}.zip`
}
