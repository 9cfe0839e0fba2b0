import { request } from 'node:https'
import type { Agent } from 'node:https'

export interface Call {
  readonly url: URL
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface CallAnswer {
  readonly status: number
  readonly text: string
}

export interface CallLimits {
  readonly bytes: number
  /** For the whole answer. */
  readonly milliseconds: number
}

/** One request to another service of the mesh. Rejects when there is no whole answer within the limits. */
export async function call(what: Call, agent: Agent, limits: CallLimits): Promise<CallAnswer> {
  try {
    return await once(what, agent, limits)
  } catch (error) {
    // The proxy may have closed a connection that was kept open, in the moment it was used again.
    if (what.method === 'GET' && error instanceof Error && 'reused' in error) return once(what, agent, limits)
    throw error
  }
}

function once({ url, method, headers, body }: Call, agent: Agent, limits: CallLimits): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limits.milliseconds)
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const failed = (cause: unknown): void =>
      reject(signal.aborted ? new Error(`no answer within ${limits.milliseconds} ms`, { cause }) : cause)
    const sent = request(url, { method, agent, signal, headers: { ...headers, ...length } }, (answer) => {
      const parts: Buffer[] = []
      let size = 0
      answer.on('data', (part: Buffer) => {
        size += part.length
        parts.push(part)
        if (size <= limits.bytes) return
        reject(new Error(`the answer is larger than ${limits.bytes} bytes`))
        answer.destroy()
      })
      answer.on('error', failed)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 502, text: Buffer.concat(parts).toString('utf8') }))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      failed(sent.reusedSocket && error.code === 'ECONNRESET' ? Object.assign(error, { reused: true }) : error)
    })
    sent.end(body)
  })
}
