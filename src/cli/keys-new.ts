import { resolve } from 'node:path'
import { ROLES, newKey, writeKey, type Role } from '../bundle/keys.ts'
import { newTokenKey } from '../token/key.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'
import { SECRETS } from './person-key.ts'

export const command: Command = {
  name: ['keys', 'new'],
  summary: 'make a signing key of one person: ML-DSA-87 and ECDSA P-384, encrypted with a passphrase; the second may lie in a token',
  options: {
    person: {
      type: 'string',
      value: 'NAME',
      required: true,
      summary: 'whose key it is, as the trust policy will name the person',
    },
    role: { type: 'string', value: 'ROLE', required: true, summary: `what it is for: ${ROLES.join(', ')}` },
    output: { type: 'string', short: 'o', value: 'DIR', required: true, summary: 'a folder that is not there yet' },
    token: { type: 'string', value: 'URI', summary: 'PKCS#11 URI of a P-384 key that lies in a token already; without it, that half is made here' },
    ...SECRETS,
  },
  example: 'sallyport keys new --person "Alice Example" --role publisher -o keys/alice',
  async run(context, values) {
    const role = values.need('role')
    if (!(ROLES as readonly string[]).includes(role)) {
      throw fault('E_USAGE', `there is no role ${JSON.stringify(role)}`, { expected: ROLES.join(', '), found: role })
    }
    const directory = resolve(context.cwd, values.need('output'))
    const file = values.text('passphrase-file')
    const passphrase = await context.passphrase('Passphrase for the new key', file)
    if (file === undefined && (await context.passphrase('The same passphrase again', undefined)) !== passphrase) {
      throw fault('E_USAGE', 'the two passphrases are not the same')
    }
    const token = values.text('token')
    const person = values.need('person')
    const key =
      token === undefined
        ? await newKey(person, role as Role)
        : await newTokenKey(person, role as Role, token, (question, source) => context.passphrase(question, values.text('pin-file') ?? source))
    await writeKey(directory, key, passphrase)
    await writeKey(`${directory}.public`, key, null)
    const { keyId } = key
    context.result({ keyId, person: key.person, role, directory, publicDirectory: `${directory}.public`, token: token ?? null }, () =>
      [
        `Key ${keyId} of ${key.person} (${role}) is in ${directory}; keep it, and its passphrase, apart from each other.`,
        ...(token === undefined ? [] : ['Its P-384 half stays in the token: neither the folder nor the token signs alone.']),
        `Its public half, to hand out, is in ${directory}.public`,
        `Print the card that readers compare it with: sallyport keys card ${directory}.public`,
      ].join('\n'),
    )
  },
}
