import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ioFault } from '../bundle/io.ts'
import { reportContents } from '../evidence/report/contents.ts'
import { openCount } from '../evidence/report/open.ts'
import { reportPage } from '../evidence/report/page.ts'
import program from '../../package.json' with { type: 'json' }
import { acceptedBundles } from './accepted.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['report'],
  endsItself: true,
  summary: 'verify a bundle, then write one HTML page for the security officer: who signed, what changed, what is open, what is in it',
  positionals: ['BUNDLE'],
  options: {
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site; it must accept every bundle that is read' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    output: { type: 'string', short: 'o', value: 'FILE', required: true, summary: 'the page; an existing file is kept' },
    since: { type: 'string', value: 'BUNDLE', summary: 'an earlier bundle, to tell what changed' },
    advisories: { type: 'string', value: 'BUNDLE', summary: 'a bundle of kind advisory whose data is newer than what BUNDLE carries' },
  },
  example: 'sallyport report out/mesh-1.1.0 --policy out/trust-policy.json --since out/mesh-1.0.0 -o report.html',
  async run(context, values, [directory = '']) {
    const [since, advisories, digest] = [values.text('since'), values.text('advisories'), values.text('policy-digest')]
    const { policy, bundles } = await acceptedBundles(context, [directory, ...(since === undefined ? [] : [since]), ...(advisories === undefined ? [] : [advisories])], {
      policy: resolve(context.cwd, values.need('policy')),
      digest,
    })
    const [bundle, ...beside] = bundles
    if (bundle === undefined) return
    const old = since === undefined ? undefined : beside[0]
    const newer = advisories === undefined ? undefined : beside.at(-1)
    const contents = await reportContents(bundle, { ...(old === undefined ? {} : { since: old }), ...(newer === undefined ? {} : { advisories: newer }) })
    const { site, version } = policy.payload
    const page = reportPage(contents, { now: new Date(), policy: { site, version, digest: policy.digest, pinned: digest !== undefined }, program: program.version })
    const output = values.need('output')
    await writeFile(resolve(context.cwd, output), page, { flag: 'wx' }).catch((error: unknown) => {
      throw ioFault(error, `writing ${output}`)
    })
    const open = contents.advisories === undefined ? undefined : openCount(contents.advisories.findings)
    context.result({ report: output, bundle: { name: bundle.statement.name, version: bundle.statement.version, sha512: bundle.digest }, open: open ?? null }, () =>
      [`The report is in ${output}: one page without scripts, to be read or printed.`, open === undefined ? 'The bundle carries no data on vulnerabilities.' : `${open} known vulnerabilities are open.`].join('\n'),
    )
  },
}
