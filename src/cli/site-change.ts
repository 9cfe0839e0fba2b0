import { resolve } from 'node:path'
import { changeSite, type Change } from '../enclave/station/change.ts'
import { describePlan } from '../enclave/station/describe.ts'
import type { Context, Values } from './command.ts'
import { secretsOf } from './site-options.ts'

/** What install, upgrade and rollback have in common: show or take the plan, run it, say what runs in the end. */
export async function runChange(context: Context, values: Values, verb: Change['verb'], bundle?: string): Promise<void> {
  const reviewed = values.text('plan')
  const approvals = bundle === undefined ? undefined : values.text('approvals')
  const changed = await changeSite({
    verb,
    ...(bundle === undefined ? {} : { bundle: resolve(context.cwd, bundle) }),
    site: resolve(context.cwd, values.need('site')),
    ...(reviewed === undefined ? {} : { reviewed: resolve(context.cwd, reviewed) }),
    ...(approvals === undefined ? {} : { approvals: resolve(context.cwd, approvals) }),
    confirmed: values.flag('yes'),
    secrets: secretsOf(context, values),
    now: () => new Date(),
    tasks: context.tasks,
    show: (plan) => context.say(describePlan(plan)),
  })
  const { name, version, sequence } = changed.running
  context.result(changed, () => `${name} ${version} runs, sequence ${sequence}${changed.note ? ` (${changed.note})` : ''}`)
}
