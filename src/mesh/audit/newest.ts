import type { ObjectStore } from '../storage/object-store.ts'
import { batchKey, batchOf, logPrefix } from './batch.ts'

/**
 * Number of the newest batch of one control plane's part: keys sort by number, so doubling and halving finds it in a few
 * listings of one key. `from` is a batch known to be there.
 */
export async function newestBatch(store: ObjectStore, bucket: string, instance: string, from = 0): Promise<number | undefined> {
  const prefix = logPrefix(instance)
  const after = async (batch: number): Promise<number | undefined> => {
    const key = await store.firstAfter(bucket, prefix, batch < 0 ? '' : batchKey(prefix, batch))
    return key === undefined ? undefined : batchOf(key)
  }
  let low = await after(from - 1)
  if (low === undefined) return from > 0 ? newestBatch(store, bucket, instance) : undefined
  let step = 1
  for (;;) {
    const next = await after(low + step - 1)
    if (next !== undefined) {
      low = next
      step *= 2
    } else if (step === 1) {
      return low
    } else {
      step = Math.floor(step / 2)
    }
  }
}
