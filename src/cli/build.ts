import { join, relative, resolve } from 'node:path'
import { startBuild } from '../connected/build/build.ts'
import { cacheFolder } from '../bundle/cache.ts'
import type { Command } from './command.ts'
import { bytes } from './tasks.ts'

export const command: Command = {
  name: ['build'],
  endsItself: true,
  summary: 'Build an unsigned bundle from a definition: resolve or follow the lock, fetch, make images, assemble',
  positionals: ['DEFINITION'],
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      required: true,
      summary: 'folder of the new bundle; must not exist yet',
    },
    update: { type: 'boolean', summary: 'resolve again and replace the lock' },
    store: {
      type: 'string',
      value: 'DIR',
      summary: 'content store (default: $SALLYPORT_CACHE or the cache folder of the user)',
    },
  },
  example: 'sallyport build bundles/hello -o out/hello-1.0.0',
  async run(context, values, [definition = '']) {
    const out = resolve(context.cwd, values.need('output'))
    const run = await startBuild({
      definition: resolve(context.cwd, definition),
      out,
      update: values.flag('update'),
      store: resolve(context.cwd, values.text('store') ?? join(cacheFolder(context.env), 'store')),
      env: context.env,
      signal: context.signal,
    })
    try {
      await context.tasks(run.steps)
    } finally {
      await run.end()
    }
    const { statement, digest, size, items, lockFile, resolved } = run.result()
    const place = relative(context.cwd, out)
    const lock = relative(context.cwd, lockFile)
    context.result(
      {
        bundle: out,
        name: statement.name,
        version: statement.version,
        sha512: digest,
        size,
        items,
        lock: lockFile,
        resolved,
      },
      () =>
        [
          `${statement.name} ${statement.version} is in ${place}: ${bytes(size)}, ${items} inputs, not signed yet.`,
          `sha512 of bundle.json: ${digest}`,
          resolved ? `The lock was written to ${lock}.` : `The lock ${lock} was followed.`,
          `Next: sallyport sign ${place} --key DIR`,
        ].join('\n'),
    )
  },
}
