import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { AuditLog } from '../audit/log.ts'

/** Whether accesses become durable: an idle mesh writes nothing, so the age alone is no alarm; `healthy` is. */
export function auditMetrics(registry: Registry, audit: Pick<AuditLog, 'check' | 'status'>): void {
  const healthy = new Gauge({
    name: 'sallyport_audit_healthy',
    help: '1 when the newest object of the audit log is there and locked, and this host can keep its last head',
    registers: [],
    async collect() {
      const well = await audit.check().then(
        () => true,
        () => false,
      )
      this.set(Number(well))
    },
  })
  const backlog = new Gauge({
    name: 'sallyport_audit_backlog_events',
    help: 'Events that wait for their locked object, and with each of them an answer',
    registers: [],
    collect() {
      this.set(audit.status().backlog)
    },
  })
  const age = new Gauge({
    name: 'sallyport_audit_last_event_age_seconds',
    help: 'Time since the last event became durable; NaN before the first one of this process',
    registers: [],
    collect() {
      const { written } = audit.status()
      this.set(written === undefined ? Number.NaN : (Date.now() - written.getTime()) / 1000)
    },
  })
  for (const metric of [healthy, backlog, age]) registry.registerMetric(metric)
}
