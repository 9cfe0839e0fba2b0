import type { Secrets } from '../enclave/station/session.ts'
import { fault } from './codes.ts'
import type { Context, OptionSpec, Values } from './command.ts'

/** Options of every command that works on a site. */
export const SITE_OPTIONS = {
  site: { type: 'string', value: 'DIR', required: true, summary: 'folder of the site, made by site init' },
  'identity-passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of the operator’s SSH key (mode 0600) instead of asking' },
} as const satisfies Record<string, OptionSpec>

/** Options of every command that may change a site. */
export const CHANGE_OPTIONS = {
  ...SITE_OPTIONS,
  plan: { type: 'string', value: 'FILE', summary: 'run exactly this reviewed plan, or nothing' },
  yes: { type: 'boolean', summary: 'run the plan that is shown without a reviewed file' },
  'ca-passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of the issuing CA (mode 0600) instead of asking' },
} as const satisfies Record<string, OptionSpec>

/** Of the commands that bring a release. */
export const RELEASE_OPTIONS = {
  ...CHANGE_OPTIONS,
  approvals: { type: 'string', value: 'DIR', summary: 'folder with approvals that came apart from the bundle (approve -o)' },
} as const satisfies Record<string, OptionSpec>

export function secretsOf(context: Context, values: Values): Secrets {
  return {
    agent: context.env['SSH_AUTH_SOCK'],
    identityPassphrase: (path) => context.passphrase(`Passphrase of ${path}`, values.text('identity-passphrase-file')),
    issuingPassphrase: () => context.passphrase('Passphrase of the issuing CA', values.text('ca-passphrase-file')),
  }
}

/** `NAME=ADDRESS[,PORT]`; the address is checked with the site. Throws E_USAGE. */
export function hostOf(word: string): { name: string; address: string; port: number } {
  const [, name, address, port] = /^([^=]+)=([^,]+)(?:,(\d+))?$/.exec(word) ?? []
  if (name === undefined || address === undefined) throw fault('E_USAGE', `${word} names no host`, { expected: 'NAME=ADDRESS[,PORT]', found: word })
  return { name, address, port: Number(port ?? 22) }
}
