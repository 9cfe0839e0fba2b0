import { join, relative, resolve } from 'node:path'
import { cacheFolder } from '../bundle/cache.ts'
import { startSync, type MirrorChange } from '../connected/build/sync.ts'
import type { Command } from './command.ts'
import { bytes } from './tasks.ts'

/** Names of one mirror that are shown to a person; --json has them all. */
const SHOWN = 20

export const command: Command = {
  name: ['mirror', 'sync'],
  endsItself: true,
  summary: 'Ask the upstreams of a definition’s mirrors again: what is new goes into the content store and the lock',
  positionals: ['DEFINITION'],
  options: {
    store: {
      type: 'string',
      value: 'DIR',
      summary: 'content store (default: $SALLYPORT_CACHE or the cache folder of the user)',
    },
  },
  example: 'sallyport mirror sync bundles/hello',
  async run(context, values, [definition = '']) {
    const run = await startSync({
      definition: resolve(context.cwd, definition),
      store: resolve(context.cwd, values.text('store') ?? join(cacheFolder(context.env), 'store')),
      env: context.env,
      signal: context.signal,
    })
    try {
      await context.tasks(run.steps)
    } finally {
      await run.end()
    }
    const synced = run.result()
    const { fetched, changed, lockFile } = synced
    const lock = relative(context.cwd, lockFile)
    context.result(synced, () =>
      [
        ...synced.mirrors.flatMap(lines),
        `${fetched.items} items fetched, ${bytes(fetched.bytes)}.`,
        changed ? `The lock ${lock} was written.` : `The lock ${lock} is as it was.`,
        ...(changed ? [`Next: sallyport build ${definition} -o DIR`] : []),
      ].join('\n'),
    )
  },
}

function lines({ name, added, gone, kept }: MirrorChange): string[] {
  const some = (sign: string, all: readonly string[]): string[] => [
    ...all.slice(0, SHOWN).map((one) => `  ${sign} ${one}`),
    ...(all.length > SHOWN ? [`  ${sign} and ${all.length - SHOWN} more`] : []),
  ]
  return [`${name}: ${added.length} new, ${gone.length} gone, ${kept} files as they were`, ...some('+', added), ...some('-', gone)]
}
