import { execa } from 'execa'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How a command ended. `result` is its JSON result, `error` the JSON error of a refusal. */
export interface Ended {
  readonly exit: number
  readonly result: unknown
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly stderr: string
  readonly seconds: number
  /** Largest resident memory of the process in bytes, from /usr/bin/time-like accounting; undefined when unknown. */
  readonly peakBytes: number | undefined
}

export interface RunOptions {
  /** Called with each line of progress worth showing. */
  readonly onLine?: (line: string) => void
  /** The executable of a bundle; the checkout's program when absent. */
  readonly executable?: string
  readonly input?: string
}

const ROOT = new URL('../..', import.meta.url).pathname
const KEEP_STDERR = 64 * 1024

/** Runs one `sallyport` command with --json, exactly as a user would, from the checkout or from a bundle. */
export async function sallyport(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [program, ...first] = options.executable
    ? [options.executable]
    : [process.execPath, join(ROOT, 'src/cli/main.ts')]
  const started = performance.now()
  const child = execa(program as string, [...first, ...words, '--json'], {
    cwd: ROOT,
    reject: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    buffer: { stdout: true, stderr: false },
    maxBuffer: 64 * 1024 * 1024,
  })
  let stderr = ''
  let error: Ended['error']
  const lines = createInterface({ input: child.stderr })
  let peakBytes: number | undefined
  const watch = setInterval(() => {
    void peakOf(child.pid).then((bytes) => (peakBytes = Math.max(peakBytes ?? 0, bytes ?? 0) || undefined))
  }, 200)
  lines.on('line', (line) => {
    stderr = `${stderr}${line}\n`.slice(-KEEP_STDERR)
    const event = parse(line) as { error?: Ended['error']; event?: string; task?: string; note?: string; seconds?: number } | undefined
    if (event?.error) error = event.error
    if (event?.event === 'done') options.onLine?.(`${event.task}${event.note ? `: ${event.note}` : ''} (${event.seconds} s)`)
  })
  const ended = await child
  clearInterval(watch)
  return {
    exit: ended.exitCode ?? 1,
    result: parse(String(ended.stdout)),
    error,
    stderr,
    seconds: (performance.now() - started) / 1000,
    peakBytes,
  }
}

/** Like `sallyport`, but any exit other than 0 is thrown with everything that was printed. */
export async function succeed(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await sallyport(words, options)
  if (ended.exit !== 0) throw new Error(`sallyport ${words.join(' ')} ended with ${ended.exit}\n${ended.stderr}`)
  return ended
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

async function peakOf(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const match = /^VmHWM:\s+(\d+) kB/m.exec(status)
  return match ? Number(match[1]) * 1024 : undefined
}
