import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

const KEPT = 64 * 1024

export interface CommandOptions {
  /** The whole output is appended here; what is answered is only its end. */
  readonly log?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Given on standard input, so that it shows in no list of processes and in no log. */
  readonly input?: string
  readonly timeoutMs: number
  readonly onLine?: (line: string) => void
}

export interface CommandResult {
  readonly code: number
  /** The last 64 KiB of both streams, in the order they came. */
  readonly tail: string
}

/** The engine's children see no variable of the caller but these. */
const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
}

/** Runs a program on the depot, without a shell. A program that is missing answers 127, a timeout 124. */
export async function command(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const log = options.log === undefined ? undefined : createWriteStream(options.log, { flags: 'a', mode: 0o600 })
  log?.write(`\n# ${new Date().toISOString()} ${[file, ...args].join(' ')}\n`)
  const child = spawn(file, args, {
    cwd: options.cwd ?? '/',
    env: { ...ENVIRONMENT, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  // A child that ends without reading is no fault: its exit code says how it went.
  child.stdin.on('error', () => {}).end(options.input ?? '')
  let tail = ''
  let partial = ''
  const take = (chunk: string): void => {
    log?.write(chunk)
    tail = (tail + chunk).slice(-KEPT)
    if (!options.onLine) return
    const lines = (partial + chunk).split('\n')
    partial = (lines.pop() ?? '').slice(-KEPT)
    for (const line of lines) options.onLine(line)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    // The whole group: apt and ansible have children of their own.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, options.timeoutMs)
  const code = await new Promise<number>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      take(`${error.message}\n`)
      resolve(127)
    })
    child.on('close', (status) => resolve(timedOut ? 124 : (status ?? 255)))
  })
  clearTimeout(timer)
  if (partial) options.onLine?.(partial)
  if (log) {
    log.end()
    await finished(log)
  }
  return { code, tail }
}

/** The last lines of an output, for the text of a fault. */
export function lastLines(tail: string, count: number): string[] {
  return tail.split('\n').filter((line) => line.trim() !== '').slice(-count)
}
