import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item, SourceContext } from '../source.ts'

interface Part {
  readonly item: Item
  readonly file: string
}

interface Downloaded {
  readonly Path: string
  readonly Dir?: string
  readonly Error?: string
  readonly Sum?: string
}

/** What a program is compiled with, so that any toolchain and any machine take the same modules: no C, no tags. */
export const GO_TARGET = { CGO_ENABLED: '0', GOOS: 'linux', GOARCH: 'amd64' }

/** Programs of a toolchain come as plain files: the checksum database covers no modes. */
export async function makeExecutable(toolchain: string): Promise<void> {
  for (const folder of ['bin', 'pkg/tool/linux_amd64'])
    for (const name of await readdir(join(toolchain, folder))) await chmod(join(toolchain, folder, name), 0o755)
}

/**
 * Everything that compiling the package at the root of a module takes: `items` are a toolchain
 * (`golang.org/toolchain@v0.0.1-go1.26.11.linux-amd64`, itself a module; go.dev/doc/toolchain) and the module. The
 * toolchain's own go command, not this machine's, says which modules end up in the executable; the go.sum in the module
 * holds their digests.
 */
export async function partsOfProgram(items: readonly string[], folder: string, context: SourceContext): Promise<Part[]> {
  const cache = join(folder, 'modules')
  await mkdir(cache, { recursive: true })
  const go = (program: string, args: readonly string[], cwd: string): Promise<ClientResult> => {
    const own = { GOMODCACHE: cache, GOCACHE: join(folder, 'cache'), GOFLAGS: '-modcacherw', GOWORK: 'off', GOTOOLCHAIN: 'local' }
    return runClient(program, args, { cwd, env: { ...context.env, ...GO_TARGET, ...own }, signal: context.signal, debian: 'golang-go' })
  }
  const named = await go('go', ['mod', 'download', '-json', ...items], folder)
  const [toolchain, program] = folders(named, items)
  await makeExecutable(toolchain)
  const listed = await go(join(toolchain, 'bin/go'), ['list', '-mod=readonly', '-deps', '-f', '{{with .Module}}{{end}}', '.'], program)
  if (!listed.ok)
    throw clientFault('go', listed, () =>
      fault('E_UNSATISFIABLE', `go cannot list what ${items[1] ?? ''} is made of.`, { faults: lastWords(listed) }),
    )
  // A program without dependencies has none.
  const sums = sumsOf(await readFile(join(program, 'go.sum'), 'utf8').catch(() => ''))
  for (const one of records(named)) if (one.Sum !== undefined) sums.set(one.Path, one.Sum)
  return parts(join(cache, 'cache/download'), sums)
}

/** JSON values one after the other, as the go command writes them. */
function records({ stdout }: ClientResult): Downloaded[] {
  return stdout.split(/^(?=\{$)/m).flatMap((part) => (part.trim().startsWith('{') ? [JSON.parse(part) as Downloaded] : []))
}

/** Where the named modules were unpacked, in the order in which they were named. */
function folders(result: ClientResult, items: readonly string[]): [string, string] {
  const found = records(result)
  const missing = found.filter(({ Error }) => Error !== undefined).map(({ Path, Error }) => `go: ${Path}: ${(Error ?? '').split('\n')[0]}`)
  const [toolchain, program] = items.map((item) => found.find(({ Path }) => item.startsWith(`${Path}@`))?.Dir)
  if (toolchain === undefined || program === undefined || missing.length > 0)
    throw clientFault('go', result, () =>
      fault('E_UPSTREAM_MISSING', 'The Go module proxy does not have what a program is compiled from.', {
        faults: missing.length > 0 ? missing : lastWords(result),
      }),
    )
  return [toolchain, program]
}

/** `path version[/go.mod] h1:…` lines (go.dev/ref/mod#go-sum-files), by `path@version` and `path@version/go.mod`. */
function sumsOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [path, version, sum] = line.split(' ')
      return path === undefined || version === undefined || sum === undefined ? [] : [[`${path}@${version}`, sum]]
    }),
  )
}

/** Module paths on disk have `!x` for `X` (go.dev/ref/mod#goproxy-protocol). */
const unescaped = (path: string): string => path.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())

async function parts(files: string, sums: ReadonlyMap<string, string>): Promise<Part[]> {
  const found: Part[] = []
  for (const entry of await readdir(files, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const path = relative(files, file)
    const match = /^(.*)\/@v\/(.*)\.(zip|mod)$/.exec(path)
    if (!entry.isFile() || match === null) continue
    const [name, version] = [unescaped(match[1] ?? ''), unescaped(match[2] ?? '')]
    const upstream = sums.get(`${name}@${version}${match[3] === 'mod' ? '/go.mod' : ''}`) ?? (match[3] === 'zip' ? sums.get(name) : undefined)
    const { size } = await stat(file)
    found.push({ item: { kind: 'go', name, version, path, size, ...(upstream === undefined ? {} : { upstream }) }, file })
  }
  return found.sort((a, b) => (a.item.path < b.item.path ? -1 : 1))
}
