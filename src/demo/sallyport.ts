import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask, type Answer } from '../proof/operator.ts'

/** How a command ended. */
export interface Ended extends Answer {
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

/** Runs one `sallyport` command with --json, exactly as a user would, from the checkout or from a bundle. */
export async function sallyport(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  let peakBytes: number | undefined
  let watch: NodeJS.Timeout | undefined
  const answer = await ask(options.executable ? [options.executable] : [process.execPath, join(ROOT, 'src/cli/main.ts')], words, {
    cwd: ROOT,
    ...(options.input === undefined ? {} : { input: options.input }),
    onStart: (pid) => {
      watch = setInterval(() => {
        void peakOf(pid).then((bytes) => (peakBytes = Math.max(peakBytes ?? 0, bytes ?? 0) || undefined))
      }, 200)
    },
    onEvent: ({ event, task, note, seconds }) => {
      if (event === 'done') options.onLine?.(`${task}${note ? `: ${note}` : ''} (${seconds} s)`)
    },
  })
  clearInterval(watch)
  return { ...answer, peakBytes }
}

/** Like `sallyport`, but any exit other than 0 is thrown with everything that was printed. */
export async function succeed(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await sallyport(words, options)
  if (ended.exit !== 0) throw new Error(`sallyport ${words.join(' ')} ended with ${ended.exit}\n${ended.stderr}`)
  return ended
}

async function peakOf(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const match = /^VmHWM:\s+(\d+) kB/m.exec(status)
  return match ? Number(match[1]) * 1024 : undefined
}
