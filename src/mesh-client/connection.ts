import type { LookupFunction } from 'node:net'
import { lookup as systemLookup } from 'node:dns'
import { Agent, request } from 'node:https'
import { isIP } from 'node:net'
import { fault } from './codes.ts'
import type { Profile } from './profile.ts'

export interface Ask {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Milliseconds until the whole answer must be here. */
  readonly timeout: number
}

export interface Reply {
  readonly status: number
  /** Parsed JSON. */
  readonly body: unknown
}

/** An answer is held in memory: the control plane's own limit is 16 MiB. */
const MAX_ANSWER = 64 * 1024 * 1024

/** Sends requests under a person's certificate. One connection object serves the identity provider and the control plane. */
export class Connection {
  readonly #agent: Agent

  constructor(profile: Profile) {
    this.#agent = new Agent({
      minVersion: 'TLSv1.3',
      ca: profile.ca,
      cert: profile.certificate,
      key: profile.key.export({ type: 'pkcs8', format: 'pem' }),
      keepAlive: false,
      lookup: lookupIn(profile.addresses),
    })
  }

  /** Throws E_UNREACHABLE, E_SERVER_IDENTITY, E_SIGN_IN (the TLS layer refused the certificate), E_ANSWER. */
  async send(ask: Ask, signal: AbortSignal): Promise<Reply> {
    const { status, text } = await this.#exchange(ask, signal)
    try {
      return { status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
    } catch (error) {
      throw fault('E_ANSWER', `${ask.url.origin} did not answer with JSON`, {
        expected: 'JSON',
        found: `status ${status}, ${JSON.stringify(text.slice(0, 80))}`,
        cause: error,
      })
    }
  }

  #exchange(ask: Ask, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ask.timeout)])
    const size = ask.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(ask.body)) }
    const headers = { accept: 'application/json', ...size, ...ask.headers }
    return new Promise((resolve, reject) => {
      let greeted = false
      const fail = (error: Error): void => reject(signal.aborted ? signal.reason : explained(error, ask, greeted))
      const outgoing = request(ask.url, { method: ask.method, headers, agent: this.#agent, signal: limit }, (incoming) => {
        const chunks: Buffer[] = []
        let length = 0
        incoming.on('error', fail)
        incoming.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > MAX_ANSWER)
            incoming.destroy(fault('E_ANSWER', `the answer of ${ask.url.origin} is larger than ${MAX_ANSWER} bytes`))
        })
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      })
      outgoing.on('socket', (socket) => socket.on('secureConnect', () => (greeted = true)))
      outgoing.on('error', fail)
      outgoing.end(ask.body)
    })
  }
}

/** Names in the profile come first: a desk in a closed network often has no DNS. */
function lookupIn(addresses: Readonly<Record<string, string>>): LookupFunction {
  return (hostname, options, callback) => {
    const address = Object.hasOwn(addresses, hostname) ? addresses[hostname] : undefined
    if (address === undefined) return systemLookup(hostname, options, callback)
    const family = isIP(address)
    if (options.all === true) callback(null, [{ address, family }])
    else callback(null, address, family)
  }
}

/** RFC 8446 section 6: the alerts by which a server says that it does not take the client's certificate. */
const REFUSED_BY_ALERT = /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)/

/** Reasons of Node's own verification of the server's certificate. */
const SERVER_NOT_PROVEN = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH)/

/** `greeted`: our side of the handshake was done. In TLS 1.3 the server judges our certificate only after that. */
function explained(error: Error, { url }: Ask, greeted: boolean): Error {
  const code = String((error as NodeJS.ErrnoException).code ?? error.name)
  if (code.startsWith('E_')) return error
  // An alert may be lost when the server closes at once: then all that is seen is the end of the connection.
  if (REFUSED_BY_ALERT.test(code) || (greeted && code === 'ECONNRESET'))
    return fault('E_SIGN_IN', `${url.origin} refuses the certificate of the profile`, {
      found: code === 'ECONNRESET' ? 'it closed the connection when it saw the certificate' : error.message,
      cause: error,
    })
  if (SERVER_NOT_PROVEN.test(code))
    return fault('E_SERVER_IDENTITY', `${url.origin} does not prove that it is ${url.hostname}`, {
      expected: `a certificate for ${url.hostname} from the authority in the profile`,
      found: error.message,
      cause: error,
    })
  const late = error.name === 'TimeoutError' || error.cause instanceof DOMException
  const found = late ? 'no answer in time' : error.message || code
  return fault('E_UNREACHABLE', `${url.origin} does not answer`, { found, cause: error })
}
