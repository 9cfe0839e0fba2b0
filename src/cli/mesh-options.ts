import { resolve } from 'node:path'
import type { Context, OptionSpec, Values } from './command.ts'
import { MeshClient } from '../mesh-client/client.ts'
import { readProfile } from '../mesh-client/profile.ts'
import { fault } from './codes.ts'

/** Options of every command that a person of the mesh gives. */
export const PROFILE_OPTIONS = {
  profile: { type: 'string', required: true, value: 'FILE', summary: 'who you are, and where the mesh is' },
  'passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of your key, when it is encrypted' },
  otp: { type: 'boolean', summary: 'sign in by password and one-time code: both are asked for' },
  'break-glass': { type: 'boolean', summary: 'sign in to your emergency account: its sealed password is asked for' },
} as const satisfies Record<string, OptionSpec>

/** The mesh as the person of `--profile` sees it. Throws E_PROFILE, E_USAGE. */
export async function clientOf(context: Context, values: Values): Promise<MeshClient> {
  const wanted = (['otp', 'break-glass'] as const).filter((login) => values.flag(login))
  if (wanted.length > 1) throw fault('E_USAGE', '--otp and --break-glass are two ways to sign in', { expected: 'one of them' })
  const profile = await readProfile(resolve(context.cwd, values.need('profile')), (question) =>
    context.passphrase(question, values.text('passphrase-file')),
  )
  const [login] = wanted
  return new MeshClient(login === undefined ? profile : { ...profile, login }, context.signal, (question) =>
    context.passphrase(question, undefined),
  )
}
