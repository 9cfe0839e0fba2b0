import { fault } from './codes.ts'
import type { Connection } from './connection.ts'
import { ADVICE, BY_CERTIFICATE, type Proof } from './proof.ts'

const SIGN_IN_TIMEOUT = 30_000

/**
 * A token bound to the certificate of the connection (RFC 8705 section 3, `cnf.x5t#S256`), whatever else the person
 * proves themselves with. Throws E_SIGN_IN, E_ANSWER and what `send` throws.
 */
export async function signIn(connection: Connection, identity: URL, signal: AbortSignal, proof: Proof = BY_CERTIFICATE): Promise<string> {
  const url = new URL('/realms/mesh/protocol/openid-connect/token', identity)
  const { status, body } = await connection.send(
    {
      url,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(proof.form).toString(),
      timeout: SIGN_IN_TIMEOUT,
    },
    signal,
  )
  const answer = (body ?? {}) as { access_token?: unknown; error?: unknown; error_description?: unknown }
  if (status === 200 && typeof answer.access_token === 'string') return answer.access_token
  const why = [answer.error, answer.error_description].filter((one) => typeof one === 'string').join(': ')
  if (status === 400 || status === 401 || status === 403)
    throw fault('E_SIGN_IN', `${identity.origin} gives no token ${FOR[proof.login]}`, {
      found: why || `status ${status}`,
      next: ADVICE[proof.login],
    })
  throw fault('E_ANSWER', `${identity.origin} did not answer as an identity provider does`, {
    expected: 'a token',
    found: `status ${status}${why ? `, ${why}` : ''}`,
  })
}

const FOR = {
  certificate: 'for the certificate of the profile',
  otp: 'for this password and one-time code',
  partner: 'for the partner’s certificate of the profile',
  'break-glass': 'for this holder and sealed password',
} as const
