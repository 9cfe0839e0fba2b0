import { duplexPair } from 'node:stream'
import { connect, createServer } from 'node:tls'
import { pemBlocks } from './pem.ts'

const TIMEOUT_MS = 10_000

export interface Presented {
  /** PEM. */
  readonly key: string
  readonly chain: string
  /** What peers hold: authorities and, where there are any, revocation lists. */
  readonly ca: string
  readonly lists: string
  /** Name under which peers will call. */
  readonly name: string
}

/**
 * Shakes hands with itself over TLS 1.3, in memory, as server and as client: the very library of the services says whether a
 * pair will be taken (chain, constraints on names and depth, purposes, revocation). Answers why not. Time is the machine's.
 */
export async function handshakeFaults({ key, chain, ca, lists, name }: Presented): Promise<string[]> {
  const [near, far] = duplexPair()
  // Node takes one list from each string.
  const secret = { key, cert: chain, ca, ...(lists === '' ? {} : { crl: pemBlocks(lists, 'X509 CRL') }), minVersion: 'TLSv1.3' as const }
  const server = createServer({ ...secret, requestCert: true, rejectUnauthorized: false })
  const client = connect({ ...secret, socket: near, servername: name, rejectUnauthorized: true })
  const reason = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(`there was no handshake within ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS)
    const end = (text?: string): void => {
      clearTimeout(timer)
      resolve(text)
    }
    client.on('error', (error) => end(`a client refuses it: ${error.message}`))
    server.on('tlsClientError', (error) => end(`a server refuses it: ${error.message}`))
    server.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      end(socket.authorized ? undefined : `a server refuses it: ${String(socket.authorizationError)}`)
    })
    server.emit('connection', far)
  })
  client.destroy()
  near.destroy()
  far.destroy()
  return reason === undefined ? [] : [`in a TLS handshake ${reason}`]
}
