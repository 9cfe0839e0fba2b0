import { createReadStream } from 'node:fs'
import { access, copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import { rounds } from '../rounds.ts'
import { partsOfProgram } from './program.ts'
import type { Item, LockedItem, Source, SourceContext, TreeFile } from '../source.ts'

/** One record of `go mod download -json`. */
interface Downloaded {
  readonly Path: string
  readonly Version: string
  readonly Error?: string
  readonly Sum?: string
  readonly GoModSum?: string
}

/** JSON values one after the other, as the go command writes them. */
function records(text: string): Downloaded[] {
  return text
    .split(/^(?=\{$)/m)
    .flatMap((part) => (part.trim().startsWith('{') ? [JSON.parse(part) as Downloaded] : []))
}

const pathOf = (item: string): string => item.slice(0, item.lastIndexOf('@'))
const versionOf = (item: string): string => item.slice(item.lastIndexOf('@') + 1)

const MISMATCH = /checksum mismatch|SECURITY ERROR/

/** Module paths on disk have `!x` for `X` (golang.org/ref/mod#goproxy-protocol). */
const unescaped = (path: string): string => path.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Go modules through the machine's GOPROXY and checksum database, by the go command; the tree is a GOPROXY. */
export function goSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'go')
  const cache = join(folder, 'modules')
  const files = join(cache, 'cache/download')
  /** Where the parts of programs lie until they are fetched. */
  const parts = new Map<string, string>()
  const go = async (args: readonly string[], cwd: string): Promise<ClientResult> => {
    await mkdir(cwd, { recursive: true })
    const env = { ...context.env, GOMODCACHE: cache, GOFLAGS: '-modcacherw', GOWORK: 'off', GOTOOLCHAIN: 'local' }
    return runClient('go', args, { cwd, env, signal: context.signal, debian: 'golang-go' })
  }

  /** Downloads what is named; every module that upstream does not have is in the fault. */
  const download = async (items: readonly string[]): Promise<Downloaded[]> => {
    const result = await go(['mod', 'download', '-json', ...items], folder)
    const seen = records(result.stdout)
    const missing = seen.filter((one) => one.Error !== undefined)
    if (missing.length > 0) throw missingFault(missing, result)
    if (!result.ok)
      throw clientFault('go', result, () =>
        fault('E_UPSTREAM_UNREACHABLE', 'go could not download modules.', { faults: lastWords(result) }),
      )
    return seen
  }

  /** Every module of a project's build list, and every go.mod that its graph was read from. */
  const buildList = async (project: string): Promise<Downloaded[]> => {
    const result = await go(['mod', 'download', '-json', 'all'], project)
    const list = records(result.stdout)
    const missing = list.filter((one) => one.Error !== undefined)
    if (missing.length > 0) throw missingFault(missing, result)
    // A sum that does not fit ends the command before it writes a record of it.
    if (!result.ok && MISMATCH.test(result.stderr))
      throw fault('E_UPSTREAM_CHANGED', 'A Go module is not what go.sum or the checksum database says.', { faults: result.stderr.split('\n').slice(0, 3) })
    if (!result.ok)
      throw clientFault('go', result, () =>
        fault('E_UNSATISFIABLE', 'go cannot resolve the modules.', { faults: lastWords(result) }),
      )
    return list
  }

  /** A go.mod beside the definition, held to its own go.sum by the go command. */
  const ofProject = async (file: string): Promise<Downloaded[]> => {
    const project = join(folder, `project-${crypto.randomUUID()}`)
    await mkdir(project, { recursive: true })
    await copyFile(file, join(project, 'go.mod'))
    // A project that requires nothing has none.
    await copyFile(join(dirname(file), 'go.sum'), join(project, 'go.sum')).catch(() => undefined)
    return buildList(project)
  }

  /** The build list of a module that requires the named ones, and every go.mod its graph was read from. */
  const withDependencies = async (items: readonly string[]): Promise<Downloaded[]> => {
    const seen: Downloaded[] = []
    for (const round of rounds(items, pathOf)) {
      const project = join(folder, `project-${crypto.randomUUID()}`)
      await mkdir(project, { recursive: true })
      const required = round.map((item) => `require ${pathOf(item)} ${versionOf(item)}`)
      await writeFile(
        join(project, 'go.mod'),
        ['module mirror.invalid/mirror', '', 'go 1.21', '', ...required, ''].join('\n'),
      )
      seen.push(...(await buildList(project)))
    }
    return seen
  }

  return {
    kind: 'go',
    async resolve({ items, purpose, list }) {
      const inexact = items.filter((item) => !/^[^@\s]+@v\d[^@\s]*$/.test(item))
      if (inexact.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'Go modules need an exact version.', {
          expected: 'module@v1.2.3',
          faults: inexact.map((item) => `go: ${item}`),
        })
      if (purpose === 'program') {
        const found = await partsOfProgram(items, join(folder, `program-${crypto.randomUUID()}`), context)
        for (const { item, file } of found) parts.set(item.path, file)
        return found.map(({ item }) => item)
      }
      const seen = items.length === 0 ? [] : await download(items)
      if (list !== undefined) seen.push(...(await ofProject(context.locate(list.path))))
      if (purpose === 'mirror') seen.push(...(await withDependencies(items)))
      const wanted = purpose === 'mirror' ? undefined : new Set(items)
      return pinned(files, seen, wanted)
    },
    async fetch(item) {
      const file = parts.get(item.path) ?? join(files, item.path)
      const there = await access(file).then(
        () => true,
        () => false,
      )
      if (!there) await download([`${item.name}@${item.version}`])
      return createReadStream(file, { signal: context.signal })
    },
    async tree(items) {
      const own = items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
      return [...own, ...(await lists(items, context))]
    },
  }
}

/** Files of the go command's download cache, which has the layout of a proxy. */
async function pinned(
  files: string,
  seen: readonly Downloaded[],
  wanted: ReadonlySet<string> | undefined,
): Promise<Item[]> {
  const sums = new Map<string, string>()
  for (const one of seen) {
    if (one.Sum !== undefined) sums.set(`${one.Path}@${one.Version}.zip`, one.Sum)
    if (one.GoModSum !== undefined) sums.set(`${one.Path}@${one.Version}.mod`, one.GoModSum)
  }
  const items: Item[] = []
  for (const entry of await readdir(files, { recursive: true, withFileTypes: true })) {
    const path = relative(files, join(entry.parentPath, entry.name))
    const match = /^(.*)\/@v\/(.*)\.(zip|mod|info)$/.exec(path)
    if (!entry.isFile() || match === null) continue
    const [name, version] = [unescaped(match[1] ?? ''), unescaped(match[2] ?? '')]
    if (wanted !== undefined && !(wanted.has(`${name}@${version}`) && match[3] === 'zip')) continue
    const sum = sums.get(`${name}@${version}.${match[3] ?? ''}`)
    const { size } = await stat(join(files, path))
    items.push({ kind: 'go', name, version, path, size, ...(sum === undefined ? {} : { upstream: sum }) })
  }
  return items.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** `@v/list` of each module, and one go.sum of everything, for the reader and for clients without a checksum database. */
async function lists(items: readonly LockedItem[], context: SourceContext): Promise<TreeFile[]> {
  const versions = Map.groupBy(
    items.filter((item) => item.path.endsWith('.info')),
    (item) => item.path.slice(0, item.path.lastIndexOf('/')),
  )
  const files: TreeFile[] = []
  for (const [folder, infos] of versions) {
    const list = infos
      .map((item) => `${item.version}\n`)
      .sort()
      .join('')
    files.push({ path: `${folder}/list`, ...(await context.store.put(Buffer.from(list))) })
  }
  const sums = items.flatMap(({ name, version, path, upstream }) =>
    upstream === undefined ? [] : [`${name} ${version}${path.endsWith('.mod') ? '/go.mod' : ''} ${upstream}\n`],
  )
  files.push({ path: 'go.sum', ...(await context.store.put(Buffer.from(sums.sort().join('')))) })
  return files
}

function missingFault(missing: readonly Downloaded[], result: ClientResult): Error {
  const faults = missing.map((one) => `go: ${one.Path}@${one.Version}: ${(one.Error ?? '').split('\n')[0] ?? ''}`)
  const words = missing.map((one) => one.Error).join('\n')
  if (MISMATCH.test(words))
    return fault('E_UPSTREAM_CHANGED', 'A Go module is not what the checksum database says.', { faults })
  return clientFault('go', { ...result, stdout: words.replaceAll(/\b40[34]\b/g, '') }, () =>
    fault('E_UPSTREAM_MISSING', 'The Go module proxy does not have what the definition asks for.', { faults }),
  )
}
