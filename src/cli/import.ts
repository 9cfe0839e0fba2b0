import { resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import { importVolumes, type ImportedSet } from '../bundle/volumes/import.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['import'],
  endsItself: true,
  summary: 'take volumes into a store, in any order, over as many days as it takes; says what is still missing',
  positionals: ['VOLUME...'],
  options: {
    store: { type: 'string', value: 'DIR', required: true, summary: 'folder that the bundle is put together in; kept between runs' },
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
  },
  example: 'sallyport import /media/disc --store /srv/bundles --policy trust-policy.json',
  async run(context, values, volumes) {
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')), { digest: values.text('policy-digest') })
    let set: ImportedSet | undefined
    await context.tasks([
      {
        title: `import ${volumes.join(' ')}`,
        async run(onProgress) {
          set = await importVolumes(
            volumes.map((path) => resolve(context.cwd, path)),
            { store: resolve(context.cwd, values.need('store')), policy, now: new Date(), onProgress, signal: context.signal },
          )
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
