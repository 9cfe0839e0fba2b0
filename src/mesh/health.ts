import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { HealthAnswer } from './api.ts'
import { MeshFault } from './fault.ts'

export interface Check {
  readonly name: string
  /** Resolves to a line for a person; throws what is wrong. */
  run(): Promise<string>
}

export interface HealthState {
  readonly release: string
  readonly schema: number | null
  readonly ready: boolean
  /** What keeps the service from starting, if anything does. */
  readonly failure: unknown
  readonly checks: readonly Check[]
}

const CHECK_MS = 8000
/** Someone who asks in a loop does not load the services behind. */
const KEEP_MS = 1000

/** How the service stands, looked at anew at most once a second. */
export function healthOf(state: () => HealthState): () => Promise<HealthAnswer> {
  let kept: { readonly at: number; readonly answer: Promise<HealthAnswer> } | undefined
  return () => {
    if (kept === undefined || Date.now() - kept.at > KEEP_MS) kept = { at: Date.now(), answer: answerOf(state()) }
    return kept.answer
  }
}

export interface Metrics {
  readonly contentType: string
  metrics(): Promise<string>
}

/**
 * The port of the host itself, plain HTTP: `GET /v1/health`, 200 when every check passes and 503 otherwise, and
 * `GET /metrics`.
 */
export function createHealthServer(health: () => Promise<HealthAnswer>, metrics: Metrics): Server {
  return createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body)
    }
    const failed = (error: unknown): void => answer(500, 'text/plain', `${describeFailure(error)}\n`)
    if (request.method === 'GET' && request.url === '/v1/health') {
      void health().then((found) => answer(found.status === 'ok' ? 200 : 503, 'application/json', `${JSON.stringify(found)}\n`))
    } else if (request.method === 'GET' && request.url === '/metrics') {
      metrics.metrics().then((text) => answer(200, metrics.contentType, text), failed)
    } else {
      response.writeHead(404).end()
    }
  })
}

async function answerOf(state: HealthState): Promise<HealthAnswer> {
  const base = { release: state.release, schema: state.schema }
  if (!state.ready) {
    if (state.failure === undefined) return { ...base, status: 'starting', checks: [] }
    return { ...base, status: 'failed', checks: [{ name: 'start', ok: false, detail: describeFailure(state.failure) }] }
  }
  const checks = await Promise.all(
    state.checks.map(async ({ name, run }) => {
      try {
        return { name, ok: true, detail: await within(run) }
      } catch (error) {
        return { name, ok: false, detail: describeFailure(error) }
      }
    }),
  )
  return { ...base, status: checks.every(({ ok }) => ok) ? 'ok' : 'failed', checks }
}

export function describeFailure(error: unknown): string {
  if (!(error instanceof MeshFault)) return String(error)
  const { expected, found, faults = [] } = error.detail
  const values = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
    ...faults,
  ]
  return `${error.code} ${error.message}${values.length === 0 ? '' : ` (${values.join('; ')})`}`
}

async function within(run: () => Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_MS} ms`)), CHECK_MS)
  })
  try {
    return await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}
