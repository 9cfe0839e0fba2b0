import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createRemoteJWKSet, customFetch } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { fault } from '../codes.ts'

/** The identity provider's signing keys, read over TLS with the organisation's certificates only. */
export interface SigningKeys {
  readonly get: JWTVerifyGetKey
  /** Reads them anew, for the health check: number of keys. Throws E_MESH_IDENTITY. */
  check(): Promise<number>
}

const MOST_BYTES = 256 * 1024
const TIMEOUT_MS = 5000

export async function signingKeys(url: string, caFile: string): Promise<SigningKeys> {
  const ca = await readFile(caFile)
  const address = new URL(url)
  const fetchKeys = (): Promise<Response> => get(address, ca)
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

/** Node's own fetch cannot be given a CA per call. */
function get(address: URL, ca: Buffer): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = request(address, { ca, minVersion: 'TLSv1.2', timeout: TIMEOUT_MS }, (answer) => {
      const parts: Buffer[] = []
      let size = 0
      answer.on('data', (part: Buffer) => {
        size += part.length
        if (size > MOST_BYTES) call.destroy(new Error(`the answer is larger than ${MOST_BYTES} bytes`))
        else parts.push(part)
      })
      answer.on('error', reject)
      answer.on('end', () => resolve(new Response(Buffer.concat(parts), { status: answer.statusCode ?? 502 })))
    })
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    call.on('error', reject)
    call.end()
  })
}
