import type { Agent } from 'node:https'
import type { MeshConfig } from '../config.ts'
import { call } from '../tls/call.ts'
import { registryFault } from './registry.ts'

/** The token that lets this control plane write to the registry. */
export interface WriterToken {
  /** Throws E_MESH_REGISTRY. */
  get(): Promise<string>
  forget(): void
}

const LIMITS = { bytes: 64 * 1024, milliseconds: 10_000 }
/** A token is asked for anew this long before its end. */
const MARGIN_MS = 15_000

/**
 * Client credentials (RFC 6749 section 4.4), the client proving itself by the certificate of the connection (RFC 8705
 * section 2.1): no secret is shared with the identity provider.
 */
export function writerToken({ token: url, client }: NonNullable<MeshConfig['schemaRegistry']>, agent: Agent): WriterToken {
  let known: { readonly token: string; readonly until: number } | undefined
  const ask = async (): Promise<string> => {
    const { status, text } = await call(
      {
        url: new URL(url),
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id: client }).toString(),
      },
      agent,
      LIMITS,
    ).catch((cause: unknown) => {
      throw registryFault('the identity provider gives no token for the schema registry', String(cause), cause)
    })
    if (status !== 200) throw registryFault('the identity provider gives no token for the schema registry', `status ${status}`)
    const answer = JSON.parse(text) as { access_token: string; expires_in: number }
    known = { token: answer.access_token, until: Date.now() + answer.expires_in * 1000 - MARGIN_MS }
    return answer.access_token
  }
  return {
    get: async () => (known !== undefined && Date.now() < known.until ? known.token : ask()),
    forget() {
      known = undefined
    },
  }
}
