import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import { rounds } from '../rounds.ts'
import type { Item, Source, SourceContext, Target } from '../source.ts'
import { inTurns } from '../turns.ts'
import { simpleIndex } from './tree.ts'

/** CPython and glibc of the hosts that a bundle is for. */
const NEWEST = { python: '3.13', glibc: 41 } as const
const PYTHON: Readonly<Record<string, { readonly python: string; readonly glibc: number }>> = { '13': NEWEST }
const MACHINE: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

/**
 * pip takes `--python-version` for wheels only and reads the markers of requirements (PEP 508) as this machine: here they
 * are read as the target. What pip calls its own is not an interface: when it moves, this fails and says so.
 */
const AS_TARGET = `import json, sys
from pip._vendor.packaging import markers
own = {**markers.default_environment(), **json.loads(sys.argv[1])}
markers.default_environment = lambda: dict(own)
assert markers.Marker(f"python_full_version == '{own['python_full_version']}'").evaluate()
from pip._internal.cli.main import main
sys.exit(main(sys.argv[2:]))
`

function markersOf({ release, architecture }: Target): Record<string, string> {
  const { python } = PYTHON[release] ?? NEWEST
  return {
    ...{ implementation_name: 'cpython', platform_python_implementation: 'CPython', os_name: 'posix', sys_platform: 'linux', platform_system: 'Linux' },
    ...{ python_version: python, python_full_version: `${python}.0`, implementation_version: `${python}.0`, platform_machine: MACHINE[architecture] ?? architecture },
  }
}

/** Wheel tags that the target's own pip would accept (PEP 425, PEP 600), since pip does not widen a given platform. */
function targetOptions({ release, architecture }: Target): string[] {
  const { python, glibc } = PYTHON[release] ?? NEWEST
  const machine = MACHINE[architecture] ?? architecture
  const abi = `cp${python.replace('.', '')}`
  const platforms = [
    `linux_${machine}`,
    `manylinux1_${machine}`,
    `manylinux2010_${machine}`,
    `manylinux2014_${machine}`,
  ]
  for (let minor = 5; minor <= glibc; minor++) platforms.push(`manylinux_2_${minor}_${machine}`)
  return [
    '--only-binary=:all:',
    '--implementation',
    'cp',
    '--python-version',
    python,
    ...[abi, 'abi3', 'none'].flatMap((one) => ['--abi', one]),
    ...platforms.flatMap((one) => ['--platform', one]),
  ]
}

/** PEP 503: how an index names a project. */
export const normalised = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-')

/** Wheels from the machine's index, chosen and checked by `pip download`; the tree is a simple index. */
export function pypiSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'pypi')
  const pip = async (args: readonly string[], into: string): Promise<ClientResult> => {
    await mkdir(into, { recursive: true })
    const log = join(folder, `log-${crypto.randomUUID()}`)
    const words = ['download', '--quiet', '--no-input', '--log', log, '--dest', into, ...targetOptions(context.target), ...args]
    const result = await runClient('python3', ['-c', AS_TARGET, JSON.stringify(markersOf(context.target)), ...words], {
      cwd: folder,
      env: { ...context.env, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
      signal: context.signal,
      debian: 'python3-pip',
    })
    // A refused login is a page that is passed over to pip: only its log says so.
    if (!result.ok && /\b401 Client Error/.test(await readFile(log, 'utf8').catch(() => '')))
      throw fault('E_UPSTREAM_LOGIN', 'pip is not let in by its index.', { faults: ['pypi: 401 Unauthorized', ...lastWords(result, 2)] })
    return result
  }

  const wheels = async (items: readonly string[], dependencies: boolean): Promise<string> => {
    const into = join(folder, `wheels-${crypto.randomUUID()}`)
    await mkdir(into, { recursive: true })
    for (const round of rounds(items, (item) => normalised(item.split('==')[0] ?? ''))) {
      const result = await pip([...(dependencies ? [] : ['--no-deps']), ...round], into)
      if (!result.ok) throw await pipFault(items, result)
    }
    return into
  }

  /** pip names the first missing project only: the others are asked for one by one. */
  const pipFault = async (items: readonly string[], result: ClientResult): Promise<Error> => {
    if (/THESE PACKAGES DO NOT MATCH THE HASHES|hash mismatch/i.test(result.stderr))
      return fault('E_UPSTREAM_CHANGED', 'A wheel is not what the index says.', { faults: lastWords(result) })
    // Without a connection pip also says that there is no matching distribution.
    if (/Retrying \(/.test(result.stderr))
      return fault('E_UPSTREAM_UNREACHABLE', 'pip could not reach its index.', { faults: lastWords(result) })
    if (/No matching distribution|Could not find a version|Invalid requirement/i.test(result.stderr)) {
      const found = await inTurns(items, 2, (item) =>
        pip(['--no-deps', item], join(folder, `probe-${crypto.randomUUID()}`)),
      )
      const missing = items.filter((_, index) => found[index]?.ok !== true)
      return fault(
        'E_UPSTREAM_MISSING',
        'The Python index does not have what the definition asks for as a wheel for the target.',
        {
          faults: missing.length > 0 ? missing.map((item) => `pypi: no ${item}`) : lastWords(result),
        },
      )
    }
    return clientFault('pip', result, () =>
      fault('E_UNSATISFIABLE', 'pip cannot resolve the packages together.', { faults: lastWords(result) }),
    )
  }

  const listFault = async (path: string, result: ClientResult): Promise<Error> => {
    const unpinned = /all requirements must have their versions pinned|Hashes are required in --require-hashes mode/i.test(result.stderr)
    if (!unpinned) return pipFault([], result)
    return fault('E_UPSTREAM_MISSING', `${path} does not pin everything by version and hash.`, {
      expected: 'name==version --hash=sha256:… for each requirement and what it depends on (pip-compile --generate-hashes)',
      faults: lastWords(result),
    })
  }

  const downloaded = new Map<string, string>()
  return {
    kind: 'pypi',
    async resolve({ items, purpose, list }) {
      const into = await wheels(items, purpose === 'mirror')
      if (list !== undefined) {
        // Every requirement has to have a hash then, dependencies included: pip refuses anything else.
        const result = await pip(['--require-hashes', '--requirement', context.locate(list.path)], into)
        if (!result.ok) throw await listFault(list.path, result)
      }
      const found: Item[] = []
      for (const file of (await readdir(into)).sort()) {
        const [name = '', version = ''] = file.split('-')
        const hash = createHash('sha256')
        for await (const chunk of createReadStream(join(into, file))) hash.update(chunk as Buffer)
        const { size } = await stat(join(into, file))
        downloaded.set(file, join(into, file))
        found.push({
          kind: 'pypi',
          name: normalised(name),
          version,
          path: `files/${file}`,
          upstream: `sha256:${hash.digest('hex')}`,
          size,
        })
      }
      return found
    },
    async fetch(item) {
      const file = item.path.slice('files/'.length)
      const there = downloaded.get(file) ?? join(await wheels([`${item.name}==${item.version}`], false), file)
      await access(there).catch((cause: unknown) => {
        throw fault('E_UPSTREAM_MISSING', 'The Python index no longer has a wheel of the lock.', {
          faults: [`pypi: ${file}`],
          cause,
        })
      })
      return createReadStream(there, { signal: context.signal })
    },
    tree: (items) => simpleIndex(items, context.store),
  }
}
