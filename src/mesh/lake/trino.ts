import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { fault } from '../codes.ts'
import type { Field } from '../contracts/contract.ts'
import { quoted, viewOf } from '../query/columns.ts'
import type { Answer } from '../query/engine.ts'
import { call } from '../tls/call.ts'
import { CATALOG, NAMESPACE } from './catalog.ts'
import type { Grants } from './catalog.ts'
import { plainValue } from './trino-values.ts'
import type { TrinoType } from './trino-values.ts'

export interface TrinoLimits {
  readonly mostRows: number
  readonly mostBytes: number
  readonly seconds: number
}

export interface TrinoQuery {
  readonly product: string
  readonly fields: readonly Field[]
  /** Canonical JSON of a label → portion mark, for the labels that the reader may query. */
  readonly markings: ReadonlyMap<string, string>
  readonly sql: string
}

/** One page of an answer (Trino client protocol, "query results"). */
interface Page {
  readonly nextUri?: string
  readonly columns?: readonly { readonly name: string; readonly type: string; readonly typeSignature?: TrinoType }[]
  readonly data?: readonly (readonly unknown[])[]
  readonly error?: { readonly message: string; readonly errorName: string; readonly errorType: string }
}

const CALL_MS = 30_000
/** The coordinator answers a poll within a second or says "go on"; between two of them we wait this long. */
const POLL_MS = 50

/** The scale-out engine. Each query runs as a user of its own, who is granted one table and certain labels while it runs. */
export class Trino {
  readonly #endpoint: URL
  readonly #agent: Agent
  readonly grants: Grants

  constructor(endpoint: string, agent: Agent, grants: Grants) {
    this.#endpoint = new URL(endpoint)
    this.#agent = agent
    this.grants = grants
  }

  /**
   * Runs one SELECT over the view `product`. Trino itself asks the mesh what this query may read, so that SQL which
   * reaches beyond the view finds nothing. Throws E_MESH_QUERY, E_MESH_QUERY_LIMIT, or E_MESH_ENGINE when it does not answer.
   */
  async run(query: TrinoQuery, limits: TrinoLimits): Promise<Answer> {
    const user = `query-${randomUUID()}`
    const until = new Date(Date.now() + (limits.seconds + 60) * 1000)
    await this.grants.give({ user, product: query.product, labels: [...query.markings.keys()] }, until)
    const ends = Date.now() + limits.seconds * 1000
    let next: string | undefined
    try {
      let page = await this.#page('POST', new URL('/v1/statement', this.#endpoint), user, statement(query))
      let columns: NonNullable<Page['columns']> = []
      const rows: (readonly unknown[])[] = []
      let bytes = 0
      for (;;) {
        if (page.error !== undefined) throw refusal(page.error)
        columns = page.columns ?? columns
        for (const row of page.data ?? []) {
          bytes += JSON.stringify(row).length
          rows.push(columns.map(({ typeSignature }, at) => plainValue(typeSignature, row[at])))
        }
        if (rows.length > limits.mostRows) throw fault('E_MESH_QUERY_LIMIT', 'the query went over a limit', { found: `more than ${limits.mostRows} rows` })
        if (bytes > limits.mostBytes) throw fault('E_MESH_QUERY_LIMIT', 'the query went over a limit', { found: `more than ${limits.mostBytes} bytes` })
        next = page.nextUri
        if (next === undefined) return { columns: columns.map(({ name, type }) => ({ name, type })), rows }
        if (Date.now() > ends) throw fault('E_MESH_QUERY_LIMIT', 'the query went over a limit', { found: `no answer within ${limits.seconds} s` })
        if (page.data === undefined) await pause(POLL_MS)
        page = await this.#page('GET', this.#here(next), user)
      }
    } catch (error) {
      if (next !== undefined) await this.#page('DELETE', this.#here(next), user).catch(() => undefined)
      throw error
    } finally {
      await this.grants.take(user)
    }
  }

  /** Version of a coordinator that has started. Throws E_MESH_ENGINE. */
  async check(): Promise<string> {
    const { status, text } = await call({ url: new URL('/v1/info', this.#endpoint), method: 'GET' }, this.#agent, { bytes: 65_536, milliseconds: 5000 })
    const { starting, nodeVersion } = (status === 200 ? JSON.parse(text) : {}) as { starting?: boolean; nodeVersion?: { version?: string } }
    if (starting !== false) throw fault('E_MESH_ENGINE', 'the scale-out engine has not started', { found: `status ${status}` })
    return nodeVersion?.version ?? 'started'
  }

  /** Trino says where to go on; only the path counts, so that no answer sends us anywhere else. */
  #here(next: string): URL {
    const { pathname, search } = new URL(next)
    return new URL(`${pathname}${search}`, this.#endpoint)
  }

  async #page(method: 'GET' | 'POST' | 'DELETE', url: URL, user: string, body?: string): Promise<Page> {
    const headers = {
      'x-trino-user': user,
      'x-trino-catalog': CATALOG,
      'x-trino-schema': NAMESPACE,
      'x-trino-source': 'control-plane',
      'x-trino-time-zone': 'UTC',
    }
    let answer
    try {
      answer = await call({ url, method, headers, ...(body === undefined ? {} : { body }) }, this.#agent, { bytes: 64 * 1024 * 1024, milliseconds: CALL_MS })
    } catch (cause) {
      throw fault('E_MESH_ENGINE', 'the scale-out engine does not answer', { found: cause instanceof Error ? cause.message : String(cause), cause })
    }
    if (answer.status === 204) return {}
    if (answer.status !== 200) throw fault('E_MESH_ENGINE', 'the scale-out engine does not answer', { found: `status ${answer.status}` })
    return JSON.parse(answer.text) as Page
  }
}

/**
 * The reader's SELECT with the view `product` in front of it. A statement that begins with its own WITH goes on from ours:
 * ORDER BY means nothing in a sub-query, so it cannot be wrapped.
 */
function statement({ product, fields, markings, sql }: TrinoQuery): string {
  const columns = viewOf(fields, markings, 'trino').map(({ name, expression }) => `${expression} AS ${quoted(name)}`)
  const view = `product AS (SELECT ${columns.join(', ')} FROM "${CATALOG}"."${NAMESPACE}".${quoted(product)})`
  const own = /^\s*WITH\s+(RECURSIVE\s+)?/i.exec(sql)
  return own === null ? `WITH ${view} ${sql}` : `WITH ${own[1] ?? ''}${view}, ${sql.slice(own[0].length)}`
}

function refusal({ message, errorName, errorType }: NonNullable<Page['error']>): Error {
  if (errorType === 'INSUFFICIENT_RESOURCES' || errorName.startsWith('EXCEEDED_'))
    return fault('E_MESH_QUERY_LIMIT', 'the query went over a limit', { found: message })
  if (errorType === 'USER_ERROR') return fault('E_MESH_QUERY', 'the query is not accepted', { found: message })
  return fault('E_MESH_ENGINE', 'the scale-out engine failed', { found: `${errorName}: ${message}`.slice(0, 500) })
}
