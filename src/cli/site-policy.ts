import { resolve } from 'node:path'
import { takePolicies } from '../enclave/site/policies.ts'
import type { Command } from './command.ts'
import { describePolicy } from './policy-show.ts'

export const command: Command = {
  name: ['site', 'policy'],
  summary: 'take newer trust policies into the folder of a site, from files or from a bundle of kind trust; never an older one',
  positionals: ['POLICY...'],
  options: {
    site: { type: 'string', value: 'DIR', required: true, summary: 'folder of the site, made by site init' },
  },
  example: 'sallyport site policy trust-policy-2.json --site out/site',
  async run(context, values, paths) {
    const { before, policy, taken } = await takePolicies(resolve(context.cwd, values.need('site')), paths.map((path) => resolve(context.cwd, path)), new Date())
    const { site, version, expires } = policy.payload
    context.result({ site, version, sha512: policy.digest, expires, before: before.payload.version, taken }, () =>
      taken === 0
        ? `Version ${version} of the trust policy was here already.`
        : [
            describePolicy(policy, `in force on this station instead of version ${before.payload.version}`),
            'The hosts take it with the next plan. Approvals of plans that were made before are for the policy they name: make them anew.',
          ].join('\n'),
    )
  },
}
