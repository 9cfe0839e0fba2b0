import { resolve } from 'node:path'
import { difference } from '../evidence/diff/difference.ts'
import { differenceText } from '../evidence/diff/text.ts'
import type { Command } from './command.ts'
import { acceptedBundles } from './accepted.ts'

export const command: Command = {
  name: ['diff'],
  endsItself: true,
  summary: 'verify two bundles, then print what is new, gone and changed between them: ports, privileges, settings, packages, images',
  positionals: ['OLD', 'NEW'],
  options: {
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site; it must accept both for import' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    advisories: { type: 'string', value: 'BUNDLE', summary: 'a bundle of kind advisory whose data is newer than what NEW carries' },
  },
  example: 'sallyport diff out/mesh-1.0.0 out/mesh-1.1.0 --policy out/trust-policy.json',
  async run(context, values, [old = '', now = '']) {
    const extra = values.text('advisories')
    const { bundles } = await acceptedBundles(context, [old, now, ...(extra === undefined ? [] : [extra])], {
      policy: resolve(context.cwd, values.need('policy')),
      digest: values.text('policy-digest'),
    })
    const [before, after, newer] = bundles
    if (before === undefined || after === undefined) return
    const found = await difference(before, after, newer)
    context.result(found, () => differenceText(found))
  },
}
