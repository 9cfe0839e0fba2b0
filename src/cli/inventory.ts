import { stat } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import { verifyBundle } from '../bundle/verify.ts'
import { INVENTORY_FILE, signInventory, writeInventory } from '../bundle/volumes/inventory.ts'
import type { CarriedBundle } from '../bundle/volumes/listing.ts'
import { openShelf } from '../bundle/volumes/shelf.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'
import { SECRETS, personKey } from './person-key.ts'

export const command: Command = {
  name: ['inventory'],
  endsItself: true,
  summary: 'write and sign one page of what a site holds, release names and digests alone, for pack --since',
  positionals: [],
  options: {
    store: { type: 'string', value: 'DIR', required: true, summary: 'the store that import fills' },
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    name: { type: 'string', value: 'NAME', multiple: true, summary: 'only bundles of this name (may be repeated; default: all)' },
    key: { type: 'string', value: 'DIR', required: true, summary: 'key folder of an accreditor, or of the site' },
    output: { type: 'string', short: 'o', value: 'DIR', required: true, summary: 'folder of the page and its signatures; must not exist yet' },
    ...SECRETS,
  },
  example: 'sallyport inventory --store /srv/bundles --policy trust-policy.json --key keys/olga -o inventory',
  async run(context, values) {
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')))
    const out = resolve(context.cwd, values.need('output'))
    if (await stat(out).catch(() => undefined)) throw fault('E_USAGE', `${out} exists already`, { expected: 'a folder that is not there yet' })
    const key = await personKey(context, values, values.need('key'))
    const names = values.list('name')
    const now = new Date()
    const held: CarriedBundle[] = []
    const damaged: string[] = []
    await context.tasks([
      {
        title: 'check what is held',
        async run(onProgress) {
          const { bundles } = await openShelf(resolve(context.cwd, values.need('store')))
          for (const { directory, carried } of bundles.filter((one) => names.length === 0 || names.includes(one.carried.name))) {
            const right = await verifyBundle(directory, { policy, act: 'import', now, approving: 'later', onProgress, signal: context.signal }).catch((error: unknown) => {
              if (context.signal.aborted) throw error
              damaged.push(`${carried.name} ${carried.version}: ${(error as Error).message}`)
            })
            if (right) held.push(carried)
          }
        },
      },
    ])
    const page = writeInventory({ site: policy.payload.site, made: `${now.toISOString().slice(0, 19)}Z`, held })
    await signInventory(out, page, key)
    context.result({ directory: out, site: policy.payload.site, held, damaged }, () =>
      [page.toString().trimEnd(), ...damaged.map((line) => `left out: ${line}`), `It is in ${relative(context.cwd, out)}: ${INVENTORY_FILE} and signatures/. Read it before it leaves: nothing else is in it.`].join('\n'),
    )
  },
}
