import { resolve } from 'node:path'
import { changeSite } from '../enclave/station/change.ts'
import { describePlan } from '../enclave/station/describe.ts'
import type { Command } from './command.ts'
import { CHANGE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['install'],
  summary: 'install a bundle on a site on which nothing runs; run again, it goes on or repairs',
  positionals: ['BUNDLE'],
  options: CHANGE_OPTIONS,
  example: 'sallyport install out/mesh-1.0.0 --site out/site --yes',
  async run(context, values, [directory = '']) {
    const reviewed = values.text('plan')
    const changed = await changeSite({
      verb: 'install',
      bundle: resolve(context.cwd, directory),
      site: resolve(context.cwd, values.need('site')),
      ...(reviewed === undefined ? {} : { reviewed: resolve(context.cwd, reviewed) }),
      confirmed: values.flag('yes'),
      secrets: secretsOf(context, values),
      now: () => new Date(),
      tasks: context.tasks,
      show: (plan) => context.say(describePlan(plan)),
    })
    const { name, version, sequence } = changed.running
    context.result(changed, () => `${name} ${version} runs, sequence ${sequence}${changed.note ? ` (${changed.note})` : ''}`)
  },
}
