import { resolve } from 'node:path'
import { hostsOf } from '../enclave/station/host-status.ts'
import { loginOf } from '../enclave/station/session.ts'
import { readSite } from '../enclave/site/read.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['host', 'list'],
  summary: 'list the hosts of a site: what each is for, whether it answers, and what it remembers',
  options: SITE_OPTIONS,
  example: 'sallyport host list --site site',
  async run(context, values) {
    const { site } = await readSite(resolve(context.cwd, values.need('site')))
    const hosts = await hostsOf(site, await loginOf(site, secretsOf(context, values)))
    context.result(hosts, () =>
      hosts
        .map(({ name, address, roles, answers, found, floors }) =>
          [
            `${name}  ${address}  ${roles.join(', ') || 'no role'}`,
            answers ? `    answers: ${found}` : `    DOES NOT ANSWER: ${found}`,
            ...Object.entries(floors).map(([bundle, sequence]) => `    remembers ${bundle}: sequence ${sequence}`),
          ].join('\n'),
        )
        .join('\n'),
    )
  },
}
