import { resolve } from 'node:path'
import { cardText } from '../bundle/card.ts'
import { sha512 } from '../bundle/digest.ts'
import { pem, readPublicKey, spki, type PublicKey } from '../bundle/keys.ts'
import { readPolicy } from '../bundle/policy-file.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['keys', 'card'],
  summary:
    'print the card that travels apart from bundles: digests of keys and policy, and the commands of the first check',
  positionals: ['KEYDIR...'],
  options: {
    policy: { type: 'string', value: 'FILE', summary: 'also print the digest of this trust policy' },
  },
  example: 'sallyport keys card keys/alice.public --policy trust-policy.json > card.txt',
  async run(context, values, directories) {
    const file = values.text('policy')
    const policy = file === undefined ? undefined : await readPolicy(resolve(context.cwd, file))
    const keys: PublicKey[] = []
    for (const directory of directories) keys.push(await readPublicKey(resolve(context.cwd, directory)))
    const shown = keys.map(({ keyId, person, role, keys: { mldsa87, p384 } }) => ({
      keyId,
      person,
      role,
      mldsa87: { sha512: sha512(spki(mldsa87)), pem: pem(mldsa87) },
      p384: { sha512: sha512(spki(p384)), pem: pem(p384) },
    }))
    const digest = policy && { site: policy.payload.site, version: policy.payload.version, sha512: policy.digest }
    context.result({ policy: digest ?? null, keys: shown }, () => cardText(keys, policy))
  },
}
