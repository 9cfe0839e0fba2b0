import { resolve } from 'node:path'
import type { Context, OptionSpec, Values } from './command.ts'
import { MeshClient } from '../mesh-client/client.ts'
import { readProfile } from '../mesh-client/profile.ts'

/** Options of every command that a person of the mesh gives. */
export const PROFILE_OPTIONS = {
  profile: { type: 'string', required: true, value: 'FILE', summary: 'who you are, and where the mesh is' },
  'passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of your key, when it is encrypted' },
} as const satisfies Record<string, OptionSpec>

/** The mesh as the person of `--profile` sees it. Throws E_PROFILE. */
export async function clientOf(context: Context, values: Values): Promise<MeshClient> {
  const profile = await readProfile(resolve(context.cwd, values.need('profile')), (question) =>
    context.passphrase(question, values.text('passphrase-file')),
  )
  return new MeshClient(profile, context.signal)
}
