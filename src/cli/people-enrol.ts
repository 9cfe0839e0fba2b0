import { resolve } from 'node:path'
import { enrol } from '../enclave/people/handed.ts'
import { loginOf } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['people', 'enrol'],
  summary: 'give a person a password and one-time codes, in place of whatever they had; shown once',
  positionals: ['ID'],
  options: SITE_OPTIONS,
  example: 'sallyport people enrol o.turner --site out/site',
  async run(context, values, [id = '']) {
    const { site } = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const given = await enrol(site, await loginOf(site, secretsOf(context, values)), id)
    context.result(given, () =>
      [
        'Shown this once; nothing keeps it. Hand it to the person as you would a key.',
        `account        ${given.username}`,
        `password       ${given.password ?? 'as in the organisation’s directory'}`,
        `one-time code  ${given.otpauth ?? ''}`,
        `Next: ${given.username} runs sallyport mesh catalog --profile FILE --otp`,
      ].join('\n'),
    )
  },
}
