import { importBlobs } from '../../src/bundle/import.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { openBundle } from '../../src/bundle/verify.ts'

/** Takes one bundle into one store, in a process that a test can kill. */
const [directory = '', policy = '', store = ''] = process.argv.slice(2)
const bundle = await openBundle(directory, { policy: await readPolicy(policy), act: 'import', now: new Date('2026-12-01T00:00:00Z') })
await importBlobs(bundle, new ContentStore(store))
