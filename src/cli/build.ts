import { join, relative, resolve } from 'node:path'
import { startBuild } from '../connected/build/build.ts'
import { cacheFolder } from '../bundle/cache.ts'
import { requireLab } from '../lab/lab.ts'
import { fault } from '../proof/codes.ts'
import { startProof } from '../proof/prove.ts'
import { faultLines } from '../proof/record.ts'
import type { Definition } from '../connected/definition/definition.ts'
import type { Command, Context } from './command.ts'
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
    prove: { type: 'boolean', summary: 'then install and start everything in disposable hosts without network, and refuse what reaches out or is missing (as root)' },
    store: {
      type: 'string',
      value: 'DIR',
      summary: 'content store (default: $SALLYPORT_CACHE or the cache folder of the user)',
    },
  },
  example: 'sallyport build bundles/hello -o out/hello-1.0.0',
  async run(context, values, [definition = '']) {
    const out = resolve(context.cwd, values.need('output'))
    const proving = values.flag('prove')
    // Before a long build, not after it.
    if (proving) requireLab()
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
    const proof = proving ? await prove(context, out, run.definition) : undefined
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
        ...(proof === undefined ? {} : { proof }),
      },
      () =>
        [
          `${statement.name} ${statement.version} is in ${place}: ${bytes(size)}, ${items} inputs, not signed yet.`,
          `sha512 of bundle.json: ${digest}`,
          resolved ? `The lock was written to ${lock}.` : `The lock ${lock} was followed.`,
          ...(proof === undefined ? [] : [`Proven in ${proof.seconds} s: ${proof.tried} tried, ${proof.untried} not (${relative(context.cwd, proof.file)}).`]),
          `Next: sallyport sign ${place} --key DIR`,
        ].join('\n'),
    )
  },
}

interface Proven {
  readonly file: string
  readonly proven: true
  readonly seconds: number
  readonly tried: number
  readonly untried: number
}

/** Throws E_UNPROVEN with every fault; the bundle and the record stay. */
async function prove(context: Context, bundle: string, definition: Definition): Promise<Proven> {
  const { signal } = context
  const run = await startProof({ bundle, definition, lab: `prove-${process.pid}`, now: () => new Date(), signal })
  try {
    await context.tasks(run.steps)
  } finally {
    await run.end()
  }
  const { file, record } = run.result()
  if (!record.proven) {
    const { name, version } = record.bundle
    throw fault('E_UNPROVEN', `${name} ${version} is in ${relative(context.cwd, bundle)}, and is not proven.`, {
      faults: faultLines(record),
      found: `the whole record: ${relative(context.cwd, file)}`,
    })
  }
  return { file, proven: true, seconds: record.seconds, tried: record.tried.length, untried: record.untried.length }
}
