import { fault } from './codes.ts'
import type { Connection } from './connection.ts'

const SIGN_IN_TIMEOUT = 30_000

/**
 * A token bound to the certificate of the connection (RFC 8705 section 3, `cnf.x5t#S256`): Keycloak's direct grant, in
 * which the certificate stands in for user name and password. Throws E_SIGN_IN, E_ANSWER and what `send` throws.
 */
export async function signIn(connection: Connection, identity: URL, signal: AbortSignal): Promise<string> {
  const url = new URL('/realms/mesh/protocol/openid-connect/token', identity)
  const { status, body } = await connection.send(
    {
      url,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'password', client_id: 'mesh-cli' }).toString(),
      timeout: SIGN_IN_TIMEOUT,
    },
    signal,
  )
  const answer = (body ?? {}) as { access_token?: unknown; error?: unknown; error_description?: unknown }
  if (status === 200 && typeof answer.access_token === 'string') return answer.access_token
  const why = [answer.error, answer.error_description].filter((one) => typeof one === 'string').join(': ')
  if (status === 400 || status === 401 || status === 403)
    throw fault('E_SIGN_IN', `${identity.origin} gives no token for the certificate of the profile`, {
      found: why || `status ${status}`,
    })
  throw fault('E_ANSWER', `${identity.origin} did not answer as an identity provider does`, {
    expected: 'a token',
    found: `status ${status}${why ? `, ${why}` : ''}`,
  })
}
