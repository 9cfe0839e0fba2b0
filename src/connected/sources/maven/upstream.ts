import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { getCACertificates } from 'node:tls'
import { fault } from '../../codes.ts'
import type { SourceContext } from '../source.ts'

/** A repository as Maven's settings have it. */
export interface Repository {
  /** With a trailing slash. */
  readonly address: string
  /** `<username>` and `<password>` of the `<server>` with the mirror's id. */
  readonly login?: { readonly username: string; readonly password: string }
}

const IDLE_MS = 60_000
const REDIRECTS = 5
/** How often a download goes on where it broke off, and the pause before it does, in milliseconds. */
const RESUMES = 4
const RESUME_PAUSE_MS = 500

/** Files of one repository over HTTPS, with the machine's own authorities and the login of its settings. */
export class Upstream {
  readonly #context: SourceContext
  readonly #repository: Repository
  readonly #ca: string[]

  constructor(context: SourceContext, repository: Repository) {
    this.#context = context
    this.#repository = repository
    const own = [context.env['SSL_CERT_FILE'], context.env['NODE_EXTRA_CA_CERTS']].flatMap((file) => (file !== undefined && existsSync(file) ? [readFileSync(file, 'utf8')] : []))
    this.#ca = [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...own])]
  }

  /** A small file as text; undefined when the repository does not have it, or it has more than `limit` bytes. */
  async text(path: string, limit: number): Promise<string | undefined> {
    const answer = await this.#ask(path)
    if (answer === undefined) return undefined
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        if ((size += chunk.length) > limit) return undefined
      }
    } catch (cause) {
      throw this.#unreachable(path, cause)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  /** The bytes of a file, from where they broke off when they do; undefined when the repository does not have it. */
  async bytes(path: string): Promise<AsyncIterable<Buffer> | undefined> {
    const first = await this.#ask(path)
    return first === undefined ? undefined : this.#whole(path, first)
  }

  async *#whole(path: string, first: IncomingMessage): AsyncGenerator<Buffer> {
    let answer = first
    let done = 0
    for (let resumed = 0; ; resumed++) {
      // A server that does not know ranges begins again: what is here already is passed over.
      let skip = resumed > 0 && answer.statusCode === 200 ? done : 0
      try {
        for await (const chunk of answer as AsyncIterable<Buffer>) {
          const rest = chunk.subarray(Math.min(skip, chunk.length))
          skip -= chunk.length - rest.length
          done += rest.length
          if (rest.length > 0) yield rest
        }
        return
      } catch (cause) {
        if (resumed >= RESUMES || this.#context.signal.aborted) throw this.#unreachable(path, cause)
        await pause(RESUME_PAUSE_MS * 2 ** resumed)
        const again = await this.#ask(path, done)
        if (again === undefined) throw this.#unreachable(path, cause)
        answer = again
      }
    }
  }

  /** 200, or 206 when it goes on at `from`; undefined for 403 and 404. Throws E_UPSTREAM_UNREACHABLE for anything else. */
  async #ask(path: string, from = 0): Promise<IncomingMessage | undefined> {
    let url = new URL(path, this.#repository.address)
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      const answer = await this.#once(url, path, from)
      const { statusCode = 0, headers } = answer
      if (statusCode === 200 || (statusCode === 206 && from > 0)) return answer
      answer.resume()
      if (statusCode === 404 || statusCode === 403) return undefined
      if (statusCode === 401) throw fault('E_UPSTREAM_LOGIN', 'The Maven repository does not let this machine in.', { faults: [`maven: ${path}: HTTP 401`] })
      if (statusCode < 300 || statusCode > 399 || headers.location === undefined) throw this.#unreachable(path, new Error(`HTTP ${statusCode}`))
      url = new URL(headers.location, url)
    }
    throw this.#unreachable(path, new Error(`more than ${REDIRECTS} redirections`))
  }

  async #once(url: URL, path: string, from: number): Promise<IncomingMessage> {
    const { login, address } = this.#repository
    const known = login !== undefined && url.origin === new URL(address).origin
    const headers = {
      ...(known ? { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}` } : {}),
      ...(from > 0 ? { range: `bytes=${from}-` } : {}),
    }
    try {
      return await new Promise((resolve, reject) => {
        if (url.protocol !== 'https:') throw new Error('the address is not https')
        const asked = get(url, { headers, ca: this.#ca, timeout: IDLE_MS, signal: this.#context.signal }, resolve)
        asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${IDLE_MS / 1000} s`)))
        asked.on('error', reject)
      })
    } catch (cause) {
      throw this.#unreachable(path, cause)
    }
  }

  #unreachable(path: string, cause: unknown): Error {
    if (this.#context.signal.aborted) return fault('E_BUILD_INTERRUPTED', 'The download was interrupted.', { cause })
    const reason = cause instanceof Error ? cause.message : String(cause)
    return fault('E_UPSTREAM_UNREACHABLE', 'The Maven repository could not be reached.', { faults: [`maven: ${path}: ${reason}`], cause })
  }
}
