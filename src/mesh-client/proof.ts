import { X509Certificate } from 'node:crypto'
import { fault } from './codes.ts'
import type { AskPassphrase, Login, Profile } from './profile.ts'

/** What somebody shows besides the certificate of the connection. */
export interface Proof {
  readonly login: Login
  /** Form fields of the token request (RFC 6749 section 4.3.2). */
  readonly form: Readonly<Record<string, string>>
}

/** One client of the realm a way to sign in, so that nobody chooses the weaker proof. */
const CLIENTS = { certificate: 'mesh-cli', otp: 'mesh-otp', partner: 'mesh-partner', 'break-glass': 'mesh-break-glass' } as const

/** What a person must do when they are not let in. */
export const ADVICE = {
  certificate:
    'Ask your security officer whether the account exists and the certificate is the current one. If you have a password and one-time codes, add --otp.',
  otp: 'Check the clock of what shows your codes, wait for the next code (each is taken once; after five failures the account rests for a while), or have yourself enrolled again.',
  partner: 'Ask the site whether it knows the whole subject of your certificate under your partner’s name.',
  'break-glass': 'Only a holder’s own certificate opens the account, with the password in force, within hours of its first use.',
} as const

export const BY_CERTIFICATE: Proof = { login: 'certificate', form: form('certificate') }

/** Asks for whatever is secret; a code is good for one request. Throws E_SIGN_IN when there is no name to sign in with. */
export async function proofOf(profile: Profile, ask: AskPassphrase): Promise<Proof> {
  const login = profile.login ?? 'certificate'
  if (login === 'break-glass') return { login, form: { ...form(login), password: await ask('Sealed password of the emergency account') } }
  if (login !== 'otp') return { login, form: form(login) }
  const username = profile.username ?? commonName(profile.certificate)
  const password = await ask(`Password of ${username}`)
  const totp = (await ask('One-time code')).replaceAll(' ', '')
  return { login, form: { ...form(login), username, password, totp } }
}

function form(login: Login): Record<string, string> {
  return { grant_type: 'password', client_id: CLIENTS[login] }
}

function commonName(pem: string): string {
  const name = /^CN=(.+)$/m.exec(new X509Certificate(pem).subject)?.[1]
  if (name === undefined)
    throw fault('E_SIGN_IN', 'the certificate of the profile has no common name to sign in with', {
      next: 'Add username: ACCOUNT to the profile.',
    })
  return name
}
