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
export function call({ url, method, headers, body }: Call, agent: Agent, limits: CallLimits): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limits.milliseconds)
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const sent = request(url, { method, agent, signal, headers: { ...headers, ...length } }, (answer) => {
      const parts: Buffer[] = []
      let size = 0
      answer.on('data', (part: Buffer) => {
        size += part.length
        if (size > limits.bytes) sent.destroy(new Error(`the answer is larger than ${limits.bytes} bytes`))
        else parts.push(part)
      })
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 502, text: Buffer.concat(parts).toString('utf8') }))
    })
    sent.on('error', (cause) => {
      reject(signal.aborted ? new Error(`no answer within ${limits.milliseconds} ms`, { cause }) : cause)
    })
    sent.end(body)
  })
}
