import { isIP } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorAnswer, HealthAnswer, PublishRequest, QueryRequest } from './api.ts'
import type { Connection } from './audit/event.ts'
import { searchCatalog, showEntry } from './catalog/entry.ts'
import { CODES, fault } from './codes.ts'
import { MeshFault } from './fault.ts'
import type { Reader } from './identity/reader.ts'
import { readerOf } from './identity/token.ts'
import type { TokenRules } from './identity/token.ts'
import { callerOf } from './identity/xfcc.ts'
import type { RequestMetrics } from './metrics/requests.ts'
import { answerTrino } from './lake/routes.ts'
import { publish } from './publish/publish.ts'
import { answerQuery } from './query/gateway.ts'
import type { Services } from './services.ts'

export interface ServerOptions {
  readonly tokens: TokenRules
  readonly services: Services
  /** What the health port says, for other hosts: without its details. */
  readonly health: () => Promise<HealthAnswer>
  readonly metrics: RequestMetrics
  /** One line for the journal. Never holds what a person typed or read. */
  readonly log: (line: Readonly<Record<string, unknown>>) => void
}

const REQUEST_MS = 60_000
const QUERY_CHARACTERS = 20_000

const strict = (properties: Record<string, object>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})

/**
 * The API (see api.ts), plain HTTP behind the proxy, which ends mTLS, lets in whom it may and says whose certificate it
 * saw: a request that does not carry the proxy's word is refused.
 */
export async function createServer({ tokens, services, health, metrics, log }: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: 256 * 1024,
    requestTimeout: REQUEST_MS,
    connectionTimeout: 2 * REQUEST_MS,
    maxRequestsPerSocket: 1000,
    routerOptions: { maxParamLength: 100 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  })

  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(request.routeOptions.url, reply.statusCode, reply.elapsedTime)
  })
  app.setErrorHandler((error: unknown, _request, reply) => answerError(error, reply, log))
  app.setNotFoundHandler((_request, reply) => answerError(fault('E_MESH_NOT_FOUND', 'no such product for this reader'), reply, log))

  /** Who asks, or a refusal that is in the audit log. */
  const person = async (request: FastifyRequest): Promise<{ reader: Reader; connection: Connection }> => {
    const connection = connectionOf(request)
    try {
      return { reader: await readerOf(request.headers.authorization, connection.thumbprint, tokens), connection }
    } catch (error) {
      if (error instanceof MeshFault && error.code === 'E_MESH_TOKEN') {
        await services.audit.record({
          act: 'authenticate',
          allowed: false,
          reasons: ['token-refused'],
          connection,
          products: [],
        })
      }
      throw error
    }
  }

  app.get('/v1/health', async (request, reply) => {
    callerOf(request.headers)
    const answer = await health()
    return reply.code(answer.status === 'ok' ? 200 : 503).send({ ...answer, checks: [] })
  })
  app.post<{ Body: PublishRequest }>(
    '/v1/products',
    {
      bodyLimit: services.limits.publishBytes,
      schema: { body: strict({ contract: { type: 'string' }, records: { type: 'array', items: { type: 'object' } } }) },
    },
    async (request, reply) => {
      const { reader, connection } = await person(request)
      return reply.code(201).send(await publish(services, reader, connection, request.body))
    },
  )
  app.get<{ Querystring: { q?: string } }>(
    '/v1/catalog',
    { schema: { querystring: { type: 'object', properties: { q: { type: 'string', maxLength: 200 } }, additionalProperties: false } } },
    async (request) => {
      const { reader, connection } = await person(request)
      return searchCatalog(services, reader, connection, request.query.q ?? '')
    },
  )
  app.get<{ Params: { domain: string; name: string } }>('/v1/catalog/:domain/:name', async (request) => {
    const { reader, connection } = await person(request)
    return showEntry(services, reader, connection, request.params.domain, request.params.name)
  })
  app.post<{ Body: QueryRequest }>(
    '/v1/query',
    {
      schema: {
        body: strict({
          product: { type: 'string', pattern: '^[^/]{1,100}/[^/]{1,100}$' },
          sql: { type: 'string', minLength: 1, maxLength: QUERY_CHARACTERS },
          engine: { enum: ['duckdb', 'trino'] },
        }, ['engine']),
      },
    },
    async (request) => {
      const { reader, connection } = await person(request)
      return answerQuery(services, reader, connection, request.body)
    },
  )
  if (services.trino !== undefined) answerTrino(app, services.trino.grants, services.domain)
  return app
}

function connectionOf(request: FastifyRequest): Connection {
  const { subject, thumbprint } = callerOf(request.headers)
  // The proxy adds the address that it saw at the end; what stands before it is the client's own word.
  const forwarded = [request.headers['x-forwarded-for']].flat().join(',').split(',').at(-1)?.trim() ?? ''
  return { address: isIP(forwarded) === 0 ? 'unknown' : forwarded, subject, thumbprint }
}

/** What the framework itself refuses (unreadable JSON, too large, against the route's schema). */
interface FrameworkError {
  readonly statusCode?: number
  readonly message: string
}

function answerError(error: unknown, reply: FastifyReply, log: ServerOptions['log']): FastifyReply {
  const mesh = error instanceof MeshFault ? error : frameworkFault(error as FrameworkError)
  const { expected, found, faults, next } = mesh.detail
  // Detail of a failing service is for its operator's journal, not for whoever asked.
  const internal = mesh.status >= 500
  if (internal) {
    const { cause } = mesh
    log({ level: 'error', code: mesh.code, message: mesh.message, expected, found, faults, cause: cause === undefined ? undefined : String(cause) })
  }
  const answer: ErrorAnswer = {
    code: mesh.code,
    message: internal ? (CODES[mesh.code as keyof typeof CODES]?.title ?? 'internal error') : mesh.message,
    ...(!internal && expected !== undefined && { expected }),
    ...(!internal && found !== undefined && { found }),
    ...(!internal && faults !== undefined && { faults }),
    ...(next !== undefined && { next }),
  }
  return reply.code(mesh.status).send(answer)
}

function frameworkFault(error: FrameworkError): MeshFault {
  const status = error.statusCode
  if (status !== undefined && status >= 400 && status < 500) {
    return fault('E_MESH_REQUEST', 'the request cannot be understood', { found: error.message })
  }
  return fault('E_MESH_INTERNAL', error.message, { cause: error })
}
