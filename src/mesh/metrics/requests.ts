import { Counter, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'

export interface RequestMetrics {
  /** `route` is the pattern that matched, never a path: a path names products. `milliseconds`: until the last byte. */
  answered(route: string | undefined, status: number, milliseconds: number): void
}

export function requestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry]
  const requests = new Counter({
    name: 'sallyport_requests_total',
    help: 'Requests answered, by route and status',
    labelNames: ['route', 'code'],
    registers,
  })
  const latency = new Histogram({
    name: 'sallyport_request_duration_seconds',
    help: 'Time from a request to the last byte of its answer',
    labelNames: ['route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  return {
    answered(route = 'none', status, milliseconds) {
      requests.inc({ route, code: String(status) })
      latency.observe({ route }, milliseconds / 1000)
    },
  }
}
