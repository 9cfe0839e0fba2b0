import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { cpus } from 'node:os'
import { basename } from 'node:path'
import { run } from 'node:test'
import { parseArgs } from 'node:util'
import { takeDownTestLabs } from './journeys/shared/lab.ts'
import { emptyWorkshop, publisher } from './journeys/shared/workshop.ts'

/**
 * `npm test`: type check, lint, dead code, ansible-lint, unit, contract and fault tests, then the journeys one after the other.
 * `npm test -- --only unit` runs one stage, `-- --files test/journeys/03*` some files.
 * Ends with one line `N passed, N failed`; the exit status is 0 only when nothing failed.
 */

interface Tally {
  passed: number
  failed: number
}
interface Stage {
  readonly name: string
  run(): Promise<Tally>
  /** The stage that begins with this one. */
  readonly beside?: string
}

/** Journeys that a whole run leaves out, by the start of their names, and why: named in each run. They run by `-- --files`. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  '19-': 'passes; follows 18 and takes as long again, and a run has to end within 90 minutes on 2 cores',
  '24-': 'three rehearsals of 5 minutes and more; it has not run from start to end yet',
}

/** Journeys that touch neither the shared enclave nor what is built for it. */
const APART = ['01-', '02-', '03-', '04-', '10-', '11-', '20-', '21-', '22-assessed-host', '23-', '24-', '25-']
/** Journeys with labs of their own, and the release that the first journey of the shared enclave builds. */
const APART_OF_ITS_RELEASE = ['08-', '14-lite', '18-', '19-']

const JOURNEY_TIMEOUT_MS = 40 * 60_000
const TEST_TIMEOUT_MS = 5 * 60_000
const bin = (name: string): string => new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname

const stages: readonly Stage[] = [
  { name: 'types', run: () => command(bin('tsc'), ['-p', '.']) },
  { name: 'lint', run: () => command(bin('oxlint'), ['--deny-warnings', 'src', 'test']) },
  { name: 'dead-code', run: () => command(bin('knip'), ['--no-progress']) },
  { name: 'ansible', run: () => command(process.execPath, [new URL('ansible/lint.ts', import.meta.url).pathname]) },
  { name: 'unit', run: () => tests('test/unit/*.test.ts', cpus().length, TEST_TIMEOUT_MS) },
  // Contract tests wait for upstreams, faults for what is cut to end: side by side they take little longer than one of them.
  { name: 'contract', run: () => tests('test/contract/*.test.ts', 1, TEST_TIMEOUT_MS), beside: 'faults' },
  { name: 'faults', run: () => tests('test/faults/*.test.ts', 1, TEST_TIMEOUT_MS) },
  { name: 'journeys', run: () => journeys(chosenJourneys()) },
]

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, files: { type: 'string', multiple: true } } })
const total: Tally = { passed: 0, failed: 0 }
const failures: string[] = []
process.env['NODE_NO_WARNINGS'] = '1'
// Some files or stages, by hand: what earlier runs made is kept for them, and the labs of a run beside this one live on.
const whole = !values.files && (values.only === undefined || values.only.includes('journeys'))
if (whole) {
  await takeDownTestLabs()
  await emptyWorkshop()
}

const left = [...chosen()]
for (let stage = left.shift(); stage; stage = left.shift()) {
  const { beside } = stage
  const at = left.findIndex(({ name }) => name === beside)
  await Promise.all([stage, ...(at < 0 ? [] : left.splice(at, 1))].map(runStage))
}
if (whole) await takeDownTestLabs()
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((name) => `  ${name}`).join('\n')}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

async function runStage(stage: Stage): Promise<void> {
  const started = performance.now()
  console.log(`\n== ${stage.name}`)
  const { passed, failed } = await stage.run()
  total.passed += passed
  total.failed += failed
  console.log(`== ${stage.name}: ${passed} passed, ${failed} failed in ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

function chosenJourneys(): readonly string[] {
  const files = globSync('test/journeys/*.test.ts').toSorted()
  const reasonFor = (file: string): string | undefined => Object.entries(LEFT_OUT).find(([start]) => file.includes(`/${start}`))?.[1]
  const waiting = files.filter((file) => reasonFor(file) !== undefined)
  console.log(`NOT RUN:\n${waiting.map((file) => `  ${file}: ${reasonFor(file)}`).join('\n')}`)
  return files.filter((file) => !waiting.includes(file))
}

/**
 * Two lanes at once: the one enclave that most journeys share and change in the order of their names, and those with labs
 * of their own. Most of a journey is waiting for services to start, so two of them fit on two cores.
 */
async function journeys(files: readonly string[]): Promise<Tally> {
  const named = (starts: readonly string[]): string[] => files.filter((file) => starts.some((start) => file.includes(`/${start}`)))
  const [apart, ofTheRelease] = [named(APART), named(APART_OF_ITS_RELEASE)]
  const [first, ...others] = files.filter((file) => !apart.includes(file) && !ofTheRelease.includes(file))
  await publisher() // what both lanes use is made once, before they part
  const built = lane(first === undefined ? [] : [first])
  const lanes = [
    built.then(async (tally) => sum([tally, await lane(others)])),
    lane(apart).then(async (tally) => sum([tally, await built.then(() => lane(ofTheRelease))])),
  ]
  return sum(await Promise.all(lanes))
}

function lane(files: readonly string[]): Promise<Tally> {
  return tests(files, 1, JOURNEY_TIMEOUT_MS)
}

function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((all, { passed }) => all + passed, 0),
    failed: tallies.reduce((all, { failed }) => all + failed, 0),
  }
}

function chosen(): readonly Stage[] {
  if (values.files) return [{ name: values.files.join(' '), run: () => tests(values.files ?? [], 1, JOURNEY_TIMEOUT_MS) }]
  const names = values.only
  if (!names) return stages
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name))
  if (unknown.length > 0) {
    console.error(`no stage ${unknown.join(', ')}; there are: ${stages.map((stage) => stage.name).join(', ')}`)
    process.exit(2)
  }
  return stages.filter((stage) => names.includes(stage.name))
}

function command(program: string, words: readonly string[]): Promise<Tally> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: 'inherit' })
    const done = (ok: boolean): void => {
      if (!ok) failures.push(`${program.split('/').at(-1)} ${words.join(' ')}`)
      resolve({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 })
    }
    child.on('error', () => done(false))
    child.on('close', (code) => done(code === 0))
  })
}

async function tests(pattern: string | readonly string[], concurrency: number, timeout: number): Promise<Tally> {
  const files = globSync(pattern).toSorted()
  const tally: Tally = { passed: 0, failed: 0 }
  if (files.length === 0) return tally
  const events = run({ files, concurrency, timeout, isolation: 'process' })
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') process.stdout.write(data.message)
    if (type === 'test:summary' && data.file !== undefined && concurrency === 1) console.log(`-- ${basename(data.file)}: ${(data.duration_ms / 1000).toFixed(0)} s`)
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const isFile = data.nesting === 0 && files.some((file) => data.name.endsWith(file))
    const isGroup = data.details.type === 'suite' || isFile
    if (type === 'test:pass') {
      if (!isGroup) tally.passed += 1
      if (!isGroup) console.log(`${'  '.repeat(data.nesting)}ok ${data.name} (${(data.details.duration_ms / 1000).toFixed(1)} s)`)
      continue
    }
    const { error } = data.details
    const fromChild = (error as { failureType?: string }).failureType === 'subtestsFailed'
    if (fromChild) continue
    tally.failed += 1
    failures.push(`${data.file ?? ''} ${data.name}`)
    console.log(`${'  '.repeat(data.nesting)}FAILED ${data.name}`)
    console.log(String((error as { cause?: { stack?: string } }).cause?.stack ?? (error as { cause?: unknown }).cause ?? error))
  }
  return tally
}
