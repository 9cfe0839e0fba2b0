import { Agent, request } from 'node:https'
import type { Identity, Mesh } from './mutual-tls.ts'

const PORT = 8445
const MOST_PAGES = 50

export interface Asked {
  readonly status: number
  readonly text: string
}

/** One request to the coordinator, by way of the proxy of the first host, with this certificate and as this user. */
export async function atTrino(mesh: Mesh, identity: Identity, user: string, path: string, sql?: string): Promise<Asked> {
  const servername = `trino.${mesh.domain}`
  const agent = new Agent({ ca: mesh.roots, key: identity.key, cert: identity.certificate, servername, minVersion: 'TLSv1.3' })
  const headers = { host: `${servername}:${PORT}`, 'x-trino-user': user, ...(sql === undefined ? {} : { 'content-length': String(Buffer.byteLength(sql)) }) }
  return new Promise((resolve, reject) => {
    const asked = { host: mesh.hosts[0]?.address, port: PORT, path, method: sql === undefined ? 'GET' : 'POST', agent, headers, timeout: 30_000 }
    const sent = request(asked, (answer) => {
      let text = ''
      answer.on('data', (part) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(sql)
  })
}

/** Runs a statement as a user of Trino's own protocol and answers the last page. */
export async function statement(mesh: Mesh, identity: Identity, user: string, sql: string): Promise<string> {
  let { text } = await atTrino(mesh, identity, user, '/v1/statement', sql)
  for (let turns = 0; turns < MOST_PAGES && text.startsWith('{'); turns += 1) {
    const { nextUri } = JSON.parse(text) as { nextUri?: string }
    if (nextUri === undefined) break
    ;({ text } = await atTrino(mesh, identity, user, new URL(nextUri).pathname))
  }
  return text
}
