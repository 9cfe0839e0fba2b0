import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import { importBundle } from '../bundle/volumes/import-bundle.ts'
import { importVolumes, type ImportedSet } from '../bundle/volumes/import.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['import'],
  endsItself: true,
  summary: 'take volumes, or the folder of a bundle, into a store, in any order, over as many days as it takes; says what is still missing',
  positionals: ['VOLUME...'],
  options: {
    store: { type: 'string', value: 'DIR', required: true, summary: 'folder that the bundle is put together in; kept between runs' },
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
  },
  example: 'sallyport import /media/disc --store /srv/bundles --policy trust-policy.json',
  async run(context, values, volumes) {
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')), { digest: values.text('policy-digest') })
    const paths = volumes.map((path) => resolve(context.cwd, path))
    const [first = ''] = paths
    const whole = await Promise.all(paths.map(isBundle))
    if (whole.includes(true) && paths.length > 1) throw fault('E_USAGE', `${paths[whole.indexOf(true)]} is a whole bundle, not a volume`, { next: 'Import it with a command of its own.' })
    let set: ImportedSet | undefined
    await context.tasks([
      {
        title: `import ${volumes.join(' ')}`,
        async run(onProgress) {
          const options = { store: resolve(context.cwd, values.need('store')), policy, now: new Date(), onProgress, signal: context.signal }
          set = whole.includes(true) ? await importBundle(first, options) : await importVolumes(paths, options)
        },
      },
    ])
    if (!set) return
    const { directory, notices, bundle } = set
    const { kind, name, version, sequence } = bundle.statement
    context.result({ directory, kind, name, version, sequence, sha512: bundle.digest, signers: bundle.signers, notices }, () =>
      [
        `${name} ${version} is whole and verified: ${directory}`,
        `  ${kind}, sequence ${sequence}, sha512 of bundle.json ${bundle.digest}`,
        ...notices.map((notice) => `  not needed in the end: ${notice}`),
      ].join('\n'),
    )
  },
}

/** True for a folder that is a bundle as `build` wrote it. */
async function isBundle(path: string): Promise<boolean> {
  const there = (name: string) => stat(join(path, name)).then((state) => state.isFile(), () => false)
  return (await there('bundle.json')) && !(await there('volume.json'))
}
