import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describePlan } from '../enclave/station/describe.ts'
import { lookAt, lookAtOthers, planFor } from '../enclave/station/look.ts'
import { waysTo } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import { serialisePlan, type Plan } from '../enclave/plan/plan.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['plan'],
  summary: 'show every step that installing or upgrading to a bundle would take; changes nothing',
  positionals: ['BUNDLE'],
  options: {
    ...SITE_OPTIONS,
    output: { type: 'string', short: 'o', value: 'FILE', summary: 'write the plan, to be reviewed and run as it is' },
  },
  example: 'sallyport plan out/mesh-1.0.0 --site out/site -o plan.json',
  async run(context, values, [directory = '']) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const ways = await waysTo(files.site, secretsOf(context, values))
    let plan: Plan | undefined
    await context.tasks([
      {
        title: 'Look at the hosts and judge the bundle',
        async run() {
          const connection = await ways.depot()
          try {
            const facts = { depot: await lookAt(connection), others: await lookAtOthers(ways) }
            plan = (await planFor(resolve(context.cwd, directory), 'any', files, facts, { now: new Date() })).plan
          } finally {
            connection.close()
          }
        },
      },
    ])
    if (!plan) return
    const made = plan
    const output = values.text('output')
    if (output !== undefined) await writeFile(resolve(context.cwd, output), serialisePlan(made))
    context.result(made, () => describePlan(made))
  },
}
