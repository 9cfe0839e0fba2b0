import { setFlagsFromString } from 'node:v8'
import { Fault } from '../bundle/fault.ts'
import { ALONE } from './alone.ts'
import { CODES, fault } from './codes.ts'
import type { Command, Context } from './command.ts'
import { readPassphrase } from './passphrase.ts'
import { runTasks } from './tasks.ts'
import { helpText, parseWords } from './values.ts'

// Streams make short-lived buffers by the million: a young generation that grows would hold a hundred megabytes of them.
setFlagsFromString('--semi-space-growth-factor=1')

const interrupted = new AbortController()
for (const [signal, words] of [['SIGINT', 'interrupted from the keyboard'], ['SIGTERM', 'ended by a signal']] as const)
  // A listener that stays: a library that runs programs has one of its own, and ends the process when it is alone.
  process.on(signal, () => {
    const reason = fault('E_INTERRUPTED', words)
    if (interrupted.signal.aborted) process.exit(reason.exit)
    interrupted.abort(reason)
  })
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<void> {
  const json = words.includes('--json')
  try {
    const command = await find(words)
    if (!command) return await overview(words)
    const rest = words.slice(command.name.length)
    if (rest.slice(0, untilDashes(rest)).some((word) => word === '--help' || word === '-h')) {
      process.stdout.write(`${helpText(command)}\n`)
      return
    }
    const { values, positionals } = parseWords(command, rest)
    const work = command.run(context(json), values, positionals)
    await (command.endsItself ? work : Promise.race([work, ended()]))
  } catch (error) {
    const status = report(error, json)
    if (error instanceof Fault && error.code === 'E_INTERRUPTED') process.exit(status)
    process.exitCode = status
  }
}

/** Rejects when an interrupt comes. */
function ended(): Promise<never> {
  const { signal } = interrupted
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

function untilDashes(words: readonly string[]): number {
  const at = words.indexOf('--')
  return at < 0 ? words.length : at
}

async function find(words: readonly string[]): Promise<Command | undefined> {
  const alone = ALONE.get(words[0] ?? '')
  if (alone) return (await alone()).command
  const { COMMANDS } = await import('./commands.ts')
  return COMMANDS.find((command) => command.name.every((word, at) => words[at] === word))
}

async function overview(words: readonly string[]): Promise<void> {
  const { COMMANDS } = await import('./commands.ts')
  const group = words[0]
  const inGroup = COMMANDS.filter((command) => command.name[0] === group && command.hidden !== true)
  const asked = group === undefined || group === '--help' || group === '-h' || group === 'help'
  if (!asked && (inGroup.length === 0 || (words[1] !== undefined && !words[1].startsWith('-'))))
    throw fault('E_USAGE', `there is no command ${JSON.stringify(words.slice(0, 2).join(' '))}`, { next: 'sallyport --help' })
  const shown = asked ? COMMANDS.filter((command) => command.hidden !== true) : inGroup
  const width = Math.max(...shown.map((command) => command.name.join(' ').length))
  const lines = shown.map((command) => `  ${command.name.join(' ').padEnd(width)}  ${command.summary}`)
  process.stdout.write(['usage: sallyport COMMAND …  (sallyport COMMAND --help shows one)', '', ...lines, ''].join('\n'))
}

function context(json: boolean): Context {
  const mode = json ? 'json' : process.stdout.isTTY ? 'terminal' : 'plain'
  return {
    cwd: process.cwd(),
    json,
    env: process.env,
    signal: interrupted.signal,
    say: (line) => void (json || process.stdout.write(`${line}\n`)),
    result: (value, text) => void process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text()}\n`),
    tasks: (tasks) => runTasks(tasks, mode),
    passphrase: readPassphrase,
  }
}

/** Words every failure in one place; returns the exit code. */
function report(error: unknown, json: boolean): number {
  const known = error instanceof Fault ? error : wrap(error)
  const { expected, found, faults, next } = known.detail
  if (json) {
    const shown = { code: known.code, exit: known.exit, message: known.message, expected, found, faults, next }
    process.stderr.write(`${JSON.stringify({ error: shown })}\n`)
    return known.exit
  }
  const lines = [`${known.code}: ${known.message}`]
  for (const one of faults ?? []) lines.push(`  - ${one}`)
  if (expected !== undefined) lines.push(`  expected: ${expected}`)
  if (found !== undefined) lines.push(`  found:    ${found}`)
  if (next !== undefined) lines.push(`  next:     ${next}`)
  lines.push(`  why:      sallyport explain ${known.code}`)
  process.stderr.write(`${lines.join('\n')}\n`)
  if (known.code === 'E_INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  return known.exit
}

function wrap(error: unknown): Fault {
  const { code, path } = error as NodeJS.ErrnoException
  const message = error instanceof Error ? error.message : String(error)
  if (typeof code === 'string' && path !== undefined && /^E[A-Z]+$/.test(code))
    return new Fault('E_FILE', CODES.E_FILE, message, { found: code, cause: error })
  return new Fault('E_INTERNAL', CODES.E_INTERNAL, message, { cause: error })
}
