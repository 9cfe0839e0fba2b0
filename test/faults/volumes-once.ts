import { Fault } from '../../src/bundle/fault.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'

/** Takes volumes into one store, in a process that a test can kill; more volumes being needed is a good end. */
const [policy = '', store = '', ...volumes] = process.argv.slice(2)
try {
  await importVolumes(volumes, { store, policy: await readPolicy(policy), now: new Date('2026-12-01T00:00:00Z') })
} catch (error) {
  if (!(error instanceof Fault) || error.code !== 'E_VOLUMES_AWAITED') throw error
}
