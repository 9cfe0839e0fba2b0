import { fault } from '../codes.ts'
import { readConfig } from '../config.ts'
import type { MeshConfig } from '../config.ts'
import { openObjectStore } from '../storage/object-store.ts'
import { MeshAgent } from '../tls/agent.ts'
import { tlsMaterial } from '../tls/material.ts'
import { instanceKeys, signingKey } from './keys.ts'
import { orderSpill } from './spill.ts'
import { verifyLog } from './verify.ts'
import type { LogPlace } from './verify.ts'

/** Prints every event of the log, one JSON line each, then `{"verified":…}`. Throws E_MESH_AUDIT at the first fault. */
export async function printAudit(file: string): Promise<void> {
  const config = await readConfig(file)
  const proof = await verifyLog(await placeOf(config), await instanceKeys(config), (event) => {
    process.stdout.write(`${event}\n`)
  })
  process.stdout.write(`${JSON.stringify({ verified: proof })}\n`)
}

/**
 * Orders the keys of what was typed about one product on one day destroyed, on this and every other control plane; each
 * follows within 10 seconds, or when it comes back, and writes an event of its own. Prints `{"ordered":…}`.
 */
export async function destroyText(product: string, day: string, file: string): Promise<void> {
  if (!/^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|unknown)$/.test(product) || !/^\d{4}-\d{2}-\d{2}$/.test(day)) {
    throw fault('E_MESH_REQUEST', 'a product’s id and a day are needed', {
      expected: 'destroy-text 6f0c2f7e-7c0f-4a55-9a0e-0d6a1a0f6b11 2026-11-22',
      found: `destroy-text ${product} ${day}`,
      next: 'find both in the event of the audit log (databucket.uid, and the day of its time in UTC)',
    })
  }
  const config = await readConfig(file)
  const until = new Date(Date.now() + config.audit.retentionMinutes * 60_000)
  const by = { instance: config.instance, key: await signingKey(config) }
  const order = await orderSpill(await placeOf(config), by, { product, day }, until)
  process.stdout.write(`${JSON.stringify({ ordered: order })}\n`)
}

async function placeOf(config: MeshConfig): Promise<LogPlace> {
  const store = await openObjectStore(config.objectStore, new MeshAgent(tlsMaterial(config.tls)))
  return { store, bucket: config.objectStore.auditBucket, site: config.site.id }
}
