import { readConfig } from '../config.ts'
import { auditKey } from '../serve.ts'
import { openObjectStore } from '../storage/object-store.ts'
import { verifyLog } from './verify.ts'

/** Prints every event of the log, one JSON line each, then `{"verified":…}`. Throws E_MESH_AUDIT at the first fault. */
export async function printAudit(file: string): Promise<void> {
  const config = await readConfig(file)
  const store = await openObjectStore(config.objectStore)
  const { auditBucket } = config.objectStore
  const proof = await verifyLog(store, auditBucket, config.site.id, await auditKey(config), (event) => {
    process.stdout.write(`${event}\n`)
  })
  process.stdout.write(`${JSON.stringify({ verified: proof })}\n`)
}
