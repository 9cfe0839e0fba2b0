import { resolve } from 'node:path'
import { describeStatus } from '../enclave/station/describe.ts'
import { waysTo } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import { statusOf } from '../enclave/station/status.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['status'],
  summary: 'say which release a site runs, its floor, what the engine is doing and how each service is',
  options: SITE_OPTIONS,
  example: 'sallyport status --site out/site',
  async run(context, values) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const ways = await waysTo(files.site, secretsOf(context, values))
    const connection = await ways.depot()
    try {
      const status = await statusOf(connection, files, ways.login)
      context.result(status, () => describeStatus(status))
    } finally {
      connection.close()
    }
  },
}
