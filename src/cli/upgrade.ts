import { resolve } from 'node:path'
import { changeSite } from '../enclave/station/change.ts'
import { describePlan } from '../enclave/station/describe.ts'
import type { Command } from './command.ts'
import { CHANGE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['upgrade'],
  summary: 'upgrade a site to a newer bundle; when it fails, the release before is put back with its data',
  positionals: ['BUNDLE'],
  options: CHANGE_OPTIONS,
  example: 'sallyport upgrade out/mesh-1.1.0 --site out/site --yes',
  async run(context, values, [directory = '']) {
    const reviewed = values.text('plan')
    const changed = await changeSite({
      verb: 'upgrade',
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
