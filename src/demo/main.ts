import { mkdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { labDown, labList } from '../lab/lab.ts'
import { DEMO_PLACES } from './places.ts'
import { STEPS, type World } from './steps.ts'
import { table, type Row } from './table.ts'

/**
 * `npm run demo`: builds, signs and verifies the mesh, installs it on a disconnected host, publishes and queries,
 * upgrades, and is rolled back. `npm run demo -- --keep` leaves the enclave running.
 */
const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } })
const LAB = 'demo'

const started = performance.now()
const world: World = {
  places: DEMO_PLACES,
  labName: LAB,
  passphrase: '',
  policyDigest: '',
  lab: undefined,
  authority: undefined,
  say: (line) => console.log(`    ${line}`),
}
const rows: Row[] = []
let failed = false

await mkdir(DEMO_PLACES.folder, { recursive: true })
console.log(`The demo works in out/ and on a lab host of its own; ${STEPS.length} steps.`)
for (const [at, step] of STEPS.entries()) {
  console.log(`\n[${at + 1}/${STEPS.length}] ${step.title}`)
  const begun = performance.now()
  const seconds = (): number => (performance.now() - begun) / 1000
  try {
    const { outcome, look } = await step.run(world)
    rows.push({ step: step.title, seconds: seconds(), outcome, look })
    console.log(`    ${outcome}`)
  } catch (error) {
    rows.push({ step: step.title, seconds: seconds(), outcome: 'FAILED', look: 'above' })
    console.error(error instanceof Error ? error.message : error)
    failed = true
    break
  }
}
if (!values.keep && (await labList()).some((lab) => lab.name === LAB)) await labDown(LAB)

console.log(`\n${table(rows)}\n`)
console.log(`${((performance.now() - started) / 60_000).toFixed(1)} minutes in all${failed ? ', and a step FAILED' : ''}.`)
if (values.keep) {
  console.log(`\nThe enclave is left running. Reach it:
  npm run -s sallyport -- status --site out/site
  npm run -s sallyport -- lab ssh ${LAB}
  npm run -s sallyport -- mesh catalog --profile out/people/s.analyst.profile.yaml
Take it down: npm run -s sallyport -- lab down ${LAB}`)
} else console.log('The enclave was taken down; npm run demo -- --keep leaves it running.')
process.exit(failed ? 1 : 0)
