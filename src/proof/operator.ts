import { execa } from 'execa'
import { createInterface } from 'node:readline'

/** How a command ended. `result` is its JSON result, `error` the JSON error of a refusal. */
export interface Answer {
  readonly exit: number
  readonly result: unknown
  readonly error: { readonly code: string; readonly message: string; readonly faults?: readonly string[] } | undefined
  readonly stderr: string
  readonly seconds: number
}

/** A line of progress as --json writes it. */
export interface TaskEvent {
  readonly event?: string
  readonly task?: string
  readonly note?: string
  readonly seconds?: number
}

export interface Asking {
  readonly onEvent?: (event: TaskEvent) => void
  readonly onStart?: (pid: number | undefined) => void
  readonly cwd?: string
  readonly input?: string
  readonly signal?: AbortSignal
}

const KEEP_STDERR = 64 * 1024
const MAX_RESULT = 64 * 1024 * 1024

/** Runs one `sallyport` command with --json, exactly as an operator would: `program` is a bundle's own executable, or node with the checkout's. */
export async function ask(program: readonly [string, ...string[]], words: readonly string[], how: Asking = {}): Promise<Answer> {
  const [file, ...first] = program
  const started = performance.now()
  const child = execa(file, [...first, ...words, '--json'], {
    ...(how.cwd === undefined ? {} : { cwd: how.cwd }),
    ...(how.signal === undefined ? {} : { cancelSignal: how.signal }),
    reject: false,
    ...(how.input === undefined ? { stdin: 'ignore' as const } : { input: how.input }),
    buffer: { stdout: true, stderr: false },
    maxBuffer: MAX_RESULT,
  })
  how.onStart?.(child.pid)
  let stderr = ''
  let error: Answer['error']
  createInterface({ input: child.stderr }).on('line', (line) => {
    stderr = `${stderr}${line}\n`.slice(-KEEP_STDERR)
    const event = parse(line) as (TaskEvent & { error?: Answer['error'] }) | undefined
    if (event?.error) error = event.error
    if (event?.event !== undefined) how.onEvent?.(event)
  })
  const ended = await child
  return { exit: ended.exitCode ?? 1, result: parse(String(ended.stdout)), error, stderr, seconds: (performance.now() - started) / 1000 }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
