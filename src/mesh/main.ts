import { fileURLToPath } from 'node:url'
import { dirname } from 'node:path'
import { MeshFault } from './fault.ts'
import type { ExtensionFactory } from './services.ts'

const CONFIG = '/etc/control-plane/config.json'

/**
 * The program of the control plane's image:
 *
 *   main [CONFIG]               runs the service (default configuration /etc/control-plane/config.json)
 *   main verify-audit [CONFIG]  proves the whole audit log and prints its events, then its head, to standard output
 *   main destroy-text PRODUCT DAY [CONFIG]  orders the keys of free text of one product and day destroyed everywhere
 *   main query FOLDER           the process that runs one query, with DuckDB's extensions; started by the service only
 *
 * `program` is the URL of the entry file: the image's other files lie beside it.
 */
export async function main(program: string, extensions: readonly ExtensionFactory[]): Promise<void> {
  const [first = CONFIG, ...rest] = process.argv.slice(2)
  const path = fileURLToPath(program)
  try {
    switch (first) {
      case 'query':
        return await (await import('./query/worker.ts')).runQueryWorker(rest[0] ?? '')
      case 'verify-audit':
        return await (await import('./audit/commands.ts')).printAudit(rest[0] ?? CONFIG)
      case 'destroy-text':
        return await (await import('./audit/commands.ts')).destroyText(rest[0] ?? '', rest[1] ?? '', rest[2] ?? CONFIG)
      default:
        return await run(first, path, extensions)
    }
  } catch (error) {
    print({ level: 'fatal', ...failureOf(error) })
    process.exitCode = error instanceof MeshFault ? error.exit : 1
  }
}

async function run(file: string, program: string, extensions: readonly ExtensionFactory[]): Promise<void> {
  const { readConfig } = await import('./config.ts')
  const { serve } = await import('./serve.ts')
  const stop = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        stop.abort()
        resolve()
      })
    }
  })
  const config = await readConfig(file)
  const running = await serve({ config, files: dirname(program), program, extensions, log: print }, stop.signal).catch(
    (error: unknown) => {
      if (stop.signal.aborted) return undefined
      throw error
    },
  )
  await stopped
  await running?.close()
  process.exit(0)
}

function failureOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof MeshFault)) return { message: String(error) }
  return { code: error.code, message: error.message, ...error.detail, cause: undefined }
}

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
}
