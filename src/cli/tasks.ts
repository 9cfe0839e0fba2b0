import { Listr, type ListrRendererValue } from 'listr2'
import type { Progress } from '../bundle/fault.ts'
import type { Task } from './command.ts'

const PLAIN_EVERY_MS = 5_000
const LIVE_EVERY_MS = 100

type Mode = 'json' | 'terminal' | 'plain'

/** Runs tasks one after the other, showing each with bytes, rate and time left. A failing task ends the run. */
export async function runTasks(tasks: readonly Task[], mode: Mode): Promise<void> {
  const renderer: ListrRendererValue = mode === 'terminal' ? 'default' : mode === 'plain' ? 'verbose' : 'silent'
  const list = new Listr(
    tasks.map((task) => ({
      title: task.title,
      task: async (_context: unknown, shown: { output: string; title: string }) => {
        const started = performance.now()
        if (mode === 'json') event({ event: 'start', task: task.title })
        const note = await task.run(reporter(task.title, mode, (line) => (shown.output = line)))
        const seconds = ((performance.now() - started) / 1000).toFixed(1)
        if (mode === 'json') event({ event: 'done', task: task.title, seconds: Number(seconds), note: note ?? undefined })
        else shown.title = `${task.title}${note ? `: ${note}` : ''} (${seconds} s)`
      },
    })),
    { concurrent: false, exitOnError: true, registerSignalListeners: false, renderer, rendererOptions: mode === 'plain' ? { timestamp: undefined } : {} } as never,
  )
  await list.run()
}

function reporter(title: string, mode: Mode, show: (line: string) => void) {
  const started = performance.now()
  let last = mode === 'terminal' ? 0 : started
  return (progress: Progress): void => {
    const now = performance.now()
    const finished = progress.total !== undefined && progress.done >= progress.total
    if (now - last < (mode === 'terminal' ? LIVE_EVERY_MS : PLAIN_EVERY_MS) && !(finished && mode === 'terminal')) return
    last = now
    if (mode === 'json') event({ event: 'progress', task: title, ...progress })
    else show(progressLine(progress, (now - started) / 1000))
  }
}

function event(value: Record<string, unknown>): void {
  process.stderr.write(`${JSON.stringify(value)}\n`)
}

/** `412 MB of 1.2 GB, 210 MB/s, 4 s left` */
export function progressLine({ done, total, unit, note }: Progress, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0
  const amount = unit === 'bytes' ? bytes : (n: number): string => String(Math.round(n))
  const parts = [total === undefined ? amount(done) : `${amount(done)} of ${amount(total)}`]
  if (unit === 'bytes' && rate > 0) parts.push(`${bytes(rate)}/s`)
  if (total !== undefined && rate > 0 && done < total) parts.push(`${Math.ceil((total - done) / rate)} s left`)
  if (note) parts.push(note)
  return parts.join(', ')
}

/** Decimal units, as media and file systems are sold: `1.2 GB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
