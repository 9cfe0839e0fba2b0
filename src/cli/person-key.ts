import { resolve } from 'node:path'
import { readPrivateKey, type SigningKey } from '../bundle/keys.ts'
import { openTokenKey, placeOf } from '../token/key.ts'
import type { Context, OptionSpec, Values } from './command.ts'

/** Options of every act that signs with one person's key. */
export const SECRETS = {
  'passphrase-file': { type: 'string', value: 'FILE', summary: 'read the passphrase from a file (mode 0600) instead of asking' },
  'pin-file': { type: 'string', value: 'FILE', summary: 'the same for the PIN of a token' },
} as const satisfies Record<string, OptionSpec>

/** The same where several persons sign; `whose` names their keys. */
export function secretsOfSeveral(whose: string): Readonly<Record<keyof typeof SECRETS, OptionSpec>> {
  return {
    'passphrase-file': { type: 'string', value: 'FILE', multiple: true, summary: `of ${whose}, in their order; asked for when absent` },
    'pin-file': { type: 'string', value: 'FILE', multiple: true, summary: 'of those among them that lie in a token, in their order' },
  }
}

/** The key that `named` says: a key folder, whose P-384 half may lie in a token, or a PKCS#11 URI. Its secrets are asked for. */
export async function personKey(context: Context, values: Values, named: string): Promise<SigningKey> {
  const [key] = await personKeys(context, values, [named])
  return key as SigningKey
}

export async function personKeys(context: Context, values: Values, named: readonly string[]): Promise<SigningKey[]> {
  const files = [...values.list('passphrase-file')]
  const pins = [...values.list('pin-file')]
  const keys: SigningKey[] = []
  for (const one of named) {
    const { folder, uri } = await placeOf(one, (path) => resolve(context.cwd, path))
    const passphrase = await context.passphrase(`Passphrase of ${uri === one ? folder : one}`, files.shift())
    if (uri === undefined) {
      keys.push(await readPrivateKey(folder, passphrase))
      continue
    }
    const pin = pins.shift()
    keys.push(await openTokenKey({ folder, uri }, passphrase, (question, source) => context.passphrase(question, pin ?? source)))
  }
  return keys
}
