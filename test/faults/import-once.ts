import { ContentStore } from '../../src/bundle/store.ts'
import { importBlobs } from '../../src/bundle/import.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { openBundle } from '../../src/bundle/verify.ts'

/** Takes one bundle into one store and says how far it is, a line each time: `import-killed.test.ts` kills it. */
const [directory = '', policy = '', store = ''] = process.argv.slice(2)
const bundle = await openBundle(directory, { policy: await readPolicy(policy), act: 'import', now: new Date('2026-12-01T00:00:00Z') })
const { copied, kept } = await importBlobs(bundle, new ContentStore(store), {
  onProgress: ({ done }) => void process.stdout.write(`${done}\n`),
})
process.stdout.write(`end ${copied} ${kept}\n`)
