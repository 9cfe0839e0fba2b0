/** Run by verify.ts: one verification in a process of its own; sends its peak memory in KiB to the parent. */
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'

const [, , bundle = '', policy = ''] = process.argv
await verifyBundle(bundle, { policy: await readPolicy(policy), act: 'import', now: new Date() })
process.send?.(process.resourceUsage().maxRSS)
process.disconnect?.()
