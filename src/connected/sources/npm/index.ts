import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item, Source, SourceContext } from '../source.ts'
import { inTurns } from '../turns.ts'
import { lockedPackages, lockTree, view } from './resolve.ts'
import { packuments, tarballs } from './tree.ts'

/** Nothing of a package runs while it is fetched. */
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier']

/** Milliseconds between tries; npm's own pauses let a build without network wait for minutes. */
const RETRIES = ['--fetch-retries=2', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=4000']

/** Lines of npm's error report; with --json it goes to standard output. */
function npmWords(result: ClientResult): string[] {
  return lastWords({ ...result, stderr: result.stderr.replaceAll(/^npm (?:warn|notice).*$/gim, '') })
}

/** npm packages, resolved and downloaded by npm itself; integrity values are the registry's own. */
export function npmSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'npm')
  const npm = async (args: readonly string[], cwd: string): Promise<ClientResult> => {
    await mkdir(cwd, { recursive: true })
    return runClient('npm', [...args, ...QUIET, ...RETRIES], {
      cwd,
      env: context.env,
      signal: context.signal,
      debian: 'npm',
    })
  }

  return {
    kind: 'npm',
    async resolve({ items, purpose, list }) {
      const named = await inTurns(items, 2, (item) => view(npm, join(folder, 'view'), item))
      const missing = items.filter((_, index) => named[index] === undefined)
      if (missing.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'The npm registry does not have what the definition asks for.', {
          expected: 'name@version with an exact version that the registry has',
          faults: missing.map((item) => `npm: no ${item}`),
        })
      const found = named.filter((item) => item !== undefined)
      const all =
        purpose === 'image'
          ? found
          : await lockTree(npm, join(folder, `lock-${crypto.randomUUID()}`), found, context.target)
      const listed = list === undefined ? [] : await lockedPackages(context.locate(list.path), list.path, context.target)
      const byPath = new Map([...all, ...listed].map((item) => [item.path, item]))
      return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item) {
      const place = join(folder, `pack-${crypto.randomUUID()}`)
      const result = await npm(['pack', `${item.name}@${item.version}`, '--json', '--pack-destination', place], place)
      if (!result.ok) throw packFault(item, result)
      const [file] = await readdir(place)
      const stream = createReadStream(join(place, file ?? ''))
      stream.once('close', () => void rm(place, { recursive: true, force: true }))
      return stream
    },
    async tree(items) {
      return [...tarballs(items), ...(await packuments(items, context.store))]
    },
  }
}

function packFault(item: Item, result: ClientResult): Error {
  const what = `npm: ${item.name}@${item.version}`
  const words = `${result.stdout}${result.stderr}`
  if (/EINTEGRITY/.test(words))
    return fault('E_UPSTREAM_CHANGED', `The npm registry sent other bytes for ${item.name}@${item.version}.`, {
      expected: item.upstream ?? 'the integrity of the registry',
      found: 'another digest',
      faults: [what, ...npmWords(result)],
    })
  if (/E404|ETARGET/.test(words))
    return fault('E_UPSTREAM_MISSING', 'The npm registry no longer has a package of the lock.', { faults: [what] })
  return clientFault('npm', result, () =>
    fault('E_UPSTREAM_UNREACHABLE', `npm could not download ${item.name}@${item.version}.`, {
      faults: [what, ...npmWords(result)],
    }),
  )
}
