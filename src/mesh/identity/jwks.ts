import type { Agent } from 'node:https'
import { createRemoteJWKSet, customFetch } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { fault } from '../codes.ts'
import { call } from '../tls/call.ts'

/** The identity provider's signing keys, read over mTLS. */
export interface SigningKeys {
  readonly get: JWTVerifyGetKey
  /** Reads them anew, for the health check: number of keys. Throws E_MESH_IDENTITY. */
  check(): Promise<number>
}

const TIMEOUT_MS = 5000
const LIMITS = { bytes: 256 * 1024, milliseconds: TIMEOUT_MS }

export function signingKeys(url: string, agent: Agent): SigningKeys {
  const address = new URL(url)
  // Node's own fetch cannot be given a certificate per call.
  const fetchKeys = async (): Promise<Response> => {
    const { status, text } = await call({ url: address, method: 'GET' }, agent, LIMITS)
    return new Response(text, { status })
  }
  return {
    get: createRemoteJWKSet(address, {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: 10_000,
      cacheMaxAge: 10 * 60_000,
      [customFetch]: fetchKeys,
    }),
    async check() {
      try {
        const answer = await fetchKeys()
        const { keys } = (await answer.json()) as JSONWebKeySet
        if (answer.status !== 200 || !Array.isArray(keys) || keys.length === 0) throw new Error(`status ${answer.status}`)
        return keys.length
      } catch (cause) {
        throw fault('E_MESH_IDENTITY', `cannot read the signing keys at ${url}`, { found: String(cause), cause })
      }
    },
  }
}
