import { resolve } from 'node:path'
import { readRegular } from '../bundle/io.ts'
import { LIMITS } from '../bundle/layout.ts'
import { countersignPolicy, payloadIn, readPolicy } from '../bundle/policy-file.ts'
import { writeDurably } from '../enclave/journal/durable.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'
import { SECRETS, personKey } from './person-key.ts'
import { missingSignatures, reportPolicy } from './policy-next.ts'
import { describePolicy } from './policy-show.ts'

export const command: Command = {
  name: ['policy', 'sign'],
  summary: 'add the signature of another root to the next version of a trust policy',
  positionals: ['FILE'],
  options: {
    from: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy in force' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    root: { type: 'string', value: 'KEYDIR', required: true, summary: 'a root key of the old or the new version, with its private half' },
    ...SECRETS,
  },
  example: 'sallyport policy sign trust-policy-2.json --from trust-policy.json --root keys/other-root',
  async run(context, values, [file = '']) {
    const path = resolve(context.cwd, file)
    const current = await readPolicy(resolve(context.cwd, values.need('from')), { digest: values.text('policy-digest') })
    const bytes = await readRegular(path, LIMITS.policy)
    if (!bytes) throw fault('E_USAGE', `there is no file ${file}`)
    const next = payloadIn(bytes)
    // What is signed is shown first, whole.
    context.say(describePolicy(next, 'as it is to be signed'))
    const directory = values.need('root')
    const key = await personKey(context, values, directory)
    const isRoot = [current, next].some(({ payload }) => payload.keys.some((one) => one.keyId === key.keyId && one.roles.includes('root')))
    if (!isRoot) throw fault('E_USAGE', `${directory} is a root of neither version`, { expected: 'a key with the role root in the old or the new policy', found: key.keyId })
    const signed = countersignPolicy(bytes, [key])
    const missing = missingSignatures(signed, current)
    await writeDurably(path, signed)
    reportPolicy(context, path, { bytes: signed, missing })
  },
}
