import { resolve } from 'node:path'
import { readPublicKey, type KeyPair } from '../bundle/keys.ts'
import { readPolicy } from '../bundle/policy-file.ts'
import { fault as custodyFault } from '../custody/codes.ts'
import { checkSignatures, readLog } from '../custody/log.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['custody', 'verify'],
  summary: 'check the chain of a log of custody, and both signatures under every crossing',
  positionals: ['LOG'],
  options: {
    policy: { type: 'string', value: 'FILE', multiple: true, summary: 'a trust policy that knows the keys; those of older times too' },
    public: { type: 'string', value: 'KEYDIR', multiple: true, summary: 'the public half of a key that signed' },
    head: { type: 'string', value: 'HEX', multiple: true, summary: 'a head from paper, or from the other side: an entry has to have it' },
  },
  example: 'sallyport custody verify custody.jsonl --policy trust-policy.json --head HEX',
  async run(context, values, [file = '']) {
    const known = new Map<string, { person: string; keys: KeyPair }>()
    for (const path of values.list('policy')) {
      const policy = await readPolicy(resolve(context.cwd, path))
      for (const { keyId, person } of policy.payload.keys) known.set(keyId, { person, keys: policy.keys.get(keyId) as KeyPair })
    }
    for (const path of values.list('public')) {
      const { keyId, person, keys } = await readPublicKey(resolve(context.cwd, path))
      known.set(keyId, { person, keys })
    }
    if (known.size === 0) throw fault('E_USAGE', 'nothing says whose signatures count', { expected: '--policy or --public' })
    const log = await readLog(resolve(context.cwd, file))
    checkSignatures(log, known)
    const missing = values.list('head').filter((head) => !log.entries.some(({ digest }) => digest === head.replace(/\s/g, '').toLowerCase()))
    if (missing.length > 0) throw custodyFault('E_CUSTODY_LOG', `no entry of ${file} has the head that was given: it was cut, or is another log`, { expected: missing.join(', '), found: `${log.entries.length} entries, the last ${log.entries.at(-1)?.digest ?? 'none'}` })
    const head = log.entries.at(-1)?.digest ?? null
    const refused = log.entries.filter(({ entry }) => entry.outcome === 'refused').length
    context.result({ entries: log.entries.length, refused, head }, () => `${log.entries.length} crossings, each signed by two persons; ${refused} were refused\nHead: ${head ?? 'none'}`)
  },
}
