import { resolve } from 'node:path'
import { handOver } from '../enclave/people/handed.ts'
import { loginOf } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['people', 'hand-over'],
  summary: 'show the sealed password of a holder’s emergency account, once; for the envelope',
  positionals: ['HOLDER'],
  options: SITE_OPTIONS,
  example: 'sallyport people hand-over o.keeper --site out/site',
  async run(context, values, [holder = '']) {
    const { site } = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const given = await handOver(site, await loginOf(site, secretsOf(context, values)), holder)
    context.result(given, () =>
      [
        'Shown this once; the host has it no more. Note who keeps it, and where.',
        `account   ${given.username}`,
        ...(given.sealed === undefined
          ? [`password  ${given.password ?? ''}`]
          : ['Whoever has a key for it opens it: openssl cms -decrypt -inform PEM -in FILE -inkey KEY', given.sealed]),
        `It opens with the certificate of ${holder} only: sallyport mesh catalog --profile FILE --break-glass`,
      ].join('\n'),
    )
  },
}
