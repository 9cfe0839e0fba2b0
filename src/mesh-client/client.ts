import { Fault } from '../bundle/fault.ts'
import type { CatalogAnswer, ErrorAnswer, PublishAnswer, PublishRequest, QueryAnswer, QueryRequest } from '../mesh/api.ts'
import { CODES as MESH_CODES } from '../mesh/codes.ts'
import type { MeshCode } from '../mesh/codes.ts'
import { fault } from './codes.ts'
import { Connection, type Ask } from './connection.ts'
import type { AskPassphrase, Profile } from './profile.ts'
import { proofOf } from './proof.ts'
import { signIn } from './token.ts'

/** Longer than the control plane's own limits: its refusal says more than our running out of patience. */
const TIMEOUT = { catalog: 30_000, query: 120_000, publish: 600_000 } as const

/**
 * A person at the control plane. Signs in on first use; every method throws the control plane's refusals under their
 * own codes (E_MESH_…, exit as documented there), E_SIGN_IN, E_UNREACHABLE, E_SERVER_IDENTITY, E_ANSWER.
 */
export class MeshClient {
  readonly #profile: Profile
  readonly #signal: AbortSignal
  readonly #question: AskPassphrase
  readonly #connection: Connection
  #token: Promise<string> | undefined

  /** `ask`: for what is secret, when the profile's way to sign in needs more than a certificate. */
  constructor(profile: Profile, signal: AbortSignal, ask: AskPassphrase = nobodyToAsk) {
    this.#profile = profile
    this.#signal = signal
    this.#question = ask
    this.#connection = new Connection(profile)
  }

  publish(request: PublishRequest): Promise<PublishAnswer> {
    return this.#ask('POST', '/v1/products', TIMEOUT.publish, request)
  }

  /** What the reader may know of, filtered by `text` when it is not empty. */
  catalog(text: string): Promise<CatalogAnswer> {
    return this.#ask('GET', `/v1/catalog${text === '' ? '' : `?q=${encodeURIComponent(text)}`}`, TIMEOUT.catalog)
  }

  query(request: QueryRequest): Promise<QueryAnswer> {
    return this.#ask('POST', '/v1/query', TIMEOUT.query, request)
  }

  async #signIn(): Promise<string> {
    return signIn(this.#connection, this.#profile.identity, this.#signal, await proofOf(this.#profile, this.#question))
  }

  async #ask<T>(method: Ask['method'], path: string, timeout: number, body?: unknown): Promise<T> {
    this.#token ??= this.#signIn()
    const url = new URL(path, this.#profile.controlPlane)
    const headers = { authorization: `Bearer ${await this.#token}` }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const reply = await this.#connection.send(
      { url, method, headers: { ...headers, ...type }, ...sent, timeout },
      this.#signal,
    )
    if (reply.status >= 200 && reply.status < 300 && typeof reply.body === 'object' && reply.body !== null) return reply.body as T
    throw refusal(reply.status, reply.body, url)
  }
}

const nobodyToAsk: AskPassphrase = (question) => Promise.reject(new Error(`${question}: there is nobody to ask`))

/** The control plane's own words under its own code. */
function refusal(status: number, body: unknown, url: URL): Fault {
  const answer = (body ?? {}) as Partial<ErrorAnswer>
  if (typeof answer.code !== 'string' || !Object.hasOwn(MESH_CODES, answer.code) || typeof answer.message !== 'string')
    return fault('E_ANSWER', `${url.origin} did not answer as a control plane does`, {
      expected: 'an answer of the API of this version',
      found: `status ${status}${typeof answer.code === 'string' ? `, code ${answer.code}` : ''}`,
    })
  const { code, message, expected, found, faults, next } = answer
  return new Fault(code as string, MESH_CODES[code as MeshCode], message as string, {
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(faults === undefined ? {} : { faults }),
    ...(next === undefined ? {} : { next }),
  })
}
