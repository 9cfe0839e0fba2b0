import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fault } from '../codes.ts'
import { callerOf } from '../identity/xfcc.ts'
import type { Grants } from './catalog.ts'
import { isForMetrics, trinoAllows, trinoRows } from './decisions.ts'
import type { TrinoQuestion } from './decisions.ts'

const QUESTION = {
  type: 'object',
  required: ['input'],
  properties: {
    input: {
      type: 'object',
      required: ['context', 'action'],
      properties: {
        context: {
          type: 'object',
          required: ['identity'],
          properties: { identity: { type: 'object', required: ['user'], properties: { user: { type: 'string' } } } },
        },
        action: { type: 'object', required: ['operation'], properties: { operation: { type: 'string' } } },
      },
    },
  },
}

/**
 * What Trino asks before each access, answered as an Open Policy Agent does: `{"result": …}`. The proxy lets Trino alone
 * come here; whose certificate it saw is looked at once more. A worker asks who may read its metrics, and nothing else.
 */
export function answerTrino(app: FastifyInstance, grants: Grants, domain: string): void {
  const assertEngine = (request: FastifyRequest<{ Body: TrinoQuestion }>): void => {
    const { dns } = callerOf(request.headers)
    const worker = dns.includes(`trino-worker.${domain}`) && isForMetrics(request.body)
    if (!worker && !dns.includes(`trino.${domain}`)) throw fault('E_MESH_NOT_FOUND', 'no such product for this reader')
  }
  app.post<{ Body: TrinoQuestion }>('/v1/decisions/trino/allow', { schema: { body: QUESTION } }, async (request) => {
    assertEngine(request)
    return { result: await trinoAllows(grants, request.body) }
  })
  app.post<{ Body: TrinoQuestion }>('/v1/decisions/trino/rows', { schema: { body: QUESTION } }, async (request) => {
    assertEngine(request)
    return { result: await trinoRows(grants, request.body) }
  })
}
