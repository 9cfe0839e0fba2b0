import { importBlobs } from '../../src/bundle/import.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { openBundle } from '../../src/bundle/verify.ts'

/** Takes one bundle into one store; with a part from 0 to 1, the process is killed as soon as that part was taken in. */
const [directory = '', policy = '', store = '', part] = process.argv.slice(2)
const bundle = await openBundle(directory, { policy: await readPolicy(policy), act: 'import', now: new Date('2026-12-01T00:00:00Z') })
await importBlobs(bundle, new ContentStore(store), {
  onProgress({ done, total = Infinity }) {
    if (part !== undefined && done >= Number(part) * total) process.kill(process.pid, 'SIGKILL')
  },
})
