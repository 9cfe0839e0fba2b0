import { resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import type { Policy } from '../bundle/policy.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['policy', 'show'],
  summary: 'check the signatures of a trust policy and print what it decides',
  positionals: ['FILE'],
  options: {
    'policy-digest': { type: 'string', value: 'HEX', summary: 'the sha512 on the card; another policy is refused' },
  },
  example: 'sallyport policy show trust-policy.json',
  async run(context, values, [file = '']) {
    const policy = await readPolicy(resolve(context.cwd, file), { digest: values.text('policy-digest') })
    context.result({ sha512: policy.digest, ...policy.payload }, () => describePolicy(policy))
  },
}

/** All that a policy decides, for whoever takes it or signs it. */
export function describePolicy({ payload, digest }: Policy, standing = 'signed by its own root'): string {
  const revoked = new Map(payload.revocations.map((item) => [item.keyId, item]))
  const lines = [
    `Trust policy of site ${payload.site}, version ${payload.version}, ${standing}`,
    `  sha512   ${digest}`,
    `  previous ${payload.previous ?? 'none: this is the first'}`,
    `  valid    ${payload.created} to ${payload.expires}`,
    `  ceiling  ${[payload.ceiling.level, ...payload.ceiling.categories].join(' / ')} (${payload.ceiling.policy} version ${payload.ceiling.policyVersion})`,
    'Keys',
    ...payload.keys.map((key) => {
      const names = key.names.length > 0 ? `, may sign ${key.names.join(', ')}` : ''
      const end = revoked.get(key.keyId)
      const note = end ? `  REVOKED ${end.at}: ${end.reason}; ${end.keeps.length} bundles stay valid` : ''
      return `  ${key.keyId}  ${key.person}: ${key.roles.join(', ')}${names}${note}`
    }),
    'Persons each act asks for',
    ...Object.entries(payload.thresholds).map(
      ([act, roles]) =>
        `  ${act.padEnd(8)} ${Object.entries(roles)
          .map(([role, count]) => `${count} ${role}`)
          .join(' and ')}`,
    ),
    ...payload.floor.map((item) => `Floor of ${item.kind} ${item.name}: sequence ${item.sequence}`),
    ...payload.exceptions.map(
      (item) => `Exception until ${item.expires} for ${item.kind} ${item.name} ${item.digest}: ${item.reason}`,
    ),
  ]
  return lines.join('\n')
}
