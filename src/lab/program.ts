import { execa } from 'execa'
import { fault } from './codes.ts'

const TIME_LIMIT_MS = 600_000

interface RunOptions {
  readonly input?: string
  readonly signal?: AbortSignal
}

/** Runs one program of this machine and returns its stdout. Throws E_LAB_PROGRAM with what it said. */
export async function program(name: string, args: readonly string[], { input, signal }: RunOptions = {}): Promise<string> {
  const done = await execa(name, args, {
    reject: false,
    timeout: TIME_LIMIT_MS,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  if (done.exitCode === 0) return done.stdout
  throw fault('E_LAB_PROGRAM', `${name} failed`, {
    expected: `${name} ${args.join(' ')} to succeed`,
    found: done.stderr.trim() || done.shortMessage || `exit status ${done.exitCode}`,
  })
}
