import { resolve } from 'node:path'
import { seal } from '../enclave/people/handed.ts'
import { loginOf } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['people', 'seal'],
  summary: 'seal another password for a holder’s emergency account: after its use, or when the envelope is lost',
  positionals: ['HOLDER'],
  options: SITE_OPTIONS,
  example: 'sallyport people seal o.keeper --site out/site',
  async run(context, values, [holder = '']) {
    const { site } = await readSiteFiles(resolve(context.cwd, values.need('site')))
    await seal(site, await loginOf(site, secretsOf(context, values)), holder)
    context.result({ holder }, () =>
      [
        `The password before is void, and the emergency account of ${holder} is open again to the one sealed now.`,
        `Next: sallyport people hand-over ${holder} --site ${values.need('site')}`,
      ].join('\n'),
    )
  },
}
