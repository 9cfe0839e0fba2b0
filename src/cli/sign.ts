import { resolve } from 'node:path'
import type { Bundle } from '../bundle/bundle.ts'
import { signBundle } from '../bundle/verify.ts'
import type { Command } from './command.ts'
import { SECRETS, personKey } from './person-key.ts'

export const command: Command = {
  name: ['sign'],
  endsItself: true,
  summary: 'check that a bundle is whole and add the two signatures of one key',
  positionals: ['BUNDLE'],
  options: {
    key: { type: 'string', value: 'DIR', required: true, summary: 'the key folder that keys new made, or a PKCS#11 URI with x-key-folder' },
    ...SECRETS,
  },
  example: 'sallyport sign out/mesh-1.0.0 --key keys/alice',
  async run(context, values, [directory = '']) {
    const key = await personKey(context, values, values.need('key'))
    let signed: Bundle | undefined
    await context.tasks([
      {
        title: `check and sign ${directory}`,
        async run(onProgress) {
          signed = await signBundle(resolve(context.cwd, directory), key, { onProgress, signal: context.signal })
        },
      },
    ])
    if (!signed) return
    const { statement, digest } = signed
    const { name, version, kind, sequence, marking } = statement
    context.result({ name, version, kind, sequence, sha512: digest, keyId: key.keyId, person: key.person }, () =>
      [
        `${key.person} (key ${key.keyId}) signed ${name} ${version}: ${kind}, sequence ${sequence}, ${marking.level}`,
        `  sha512 of bundle.json ${digest}`,
      ].join('\n'),
    )
  },
}
