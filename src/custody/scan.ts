import { spawn } from 'node:child_process'
import { printable } from '../bundle/printable.ts'
import { fault } from './codes.ts'
import type { Scan } from './entry.ts'
import { contentOf } from './medium.ts'

export interface Scanner {
  readonly program: string
  /** Words before the path; ClamAV's own when absent and the program is clamscan or clamdscan. */
  readonly words?: readonly string[] | undefined
  /** Folder of the definitions, given to clamscan and named by digest in the log. */
  readonly definitions?: string | undefined
}

const MOST_FOUND = 1000
const OUTPUT_LIMIT = 4 << 20
/** Without these, ClamAV passes over what is large and says it is clean. */
const CLAMSCAN = ['--recursive', '--infected', '--no-summary', '--stdout', '--alert-exceeds-max=yes', '--max-filesize=2000M', '--max-scansize=4000M', '--max-scantime=0']

/**
 * Scans a medium. The exit status says what came of it, as ClamAV has it: 0 nothing, 1 something was found, anything
 * else a failure. @throws E_CUSTODY_SCANNER
 */
export async function scanMedium(path: string, { program, words, definitions }: Scanner, signal?: AbortSignal): Promise<Scan> {
  const isClam = /(?:^|\/)clamscan$/.test(program)
  const used = words ?? (isClam ? CLAMSCAN : [])
  const all = isClam && definitions !== undefined ? [`--database=${definitions}`, ...used] : used
  const version = (await ended(program, ['--version'], signal)).text.split('\n')[0]?.trim() ?? ''
  const started = performance.now()
  const { status, text } = await ended(program, [...all, path], signal)
  if (status !== 0 && status !== 1) throw fault('E_CUSTODY_SCANNER', `${program} ended with ${status}`, { faults: text.trim().split('\n').slice(-5).map((one) => printable(one, 200)) })
  const found = text.split('\n').map((one) => one.trim()).filter((one) => one !== '')
  if (status === 1 && found.length === 0) found.push('something that it does not name')
  return {
    result: status === 0 ? 'clean' : 'found',
    scanner: cut(version || program),
    words: used.map(cut),
    definitions: definitions === undefined ? null : (await contentOf(definitions)).sha512,
    found: status === 0 ? [] : found.slice(0, MOST_FOUND).map((one) => cut(one.replaceAll(`${path}/`, ''))),
    seconds: Math.round((performance.now() - started) / 1000),
    reason: null,
  }
}

export function notScanned(reason: string): Scan {
  return { result: 'not scanned', scanner: null, words: [], definitions: null, found: [], seconds: 0, reason }
}

/** As a line of the log may be. */
function cut(text: string): string {
  return printable(text, 200).slice(0, 250) || '-'
}

function ended(program: string, words: readonly string[], signal?: AbortSignal): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], signal, env: { ...process.env, LC_ALL: 'C.UTF-8' } })
    let text = ''
    const keep = (chunk: Buffer): void => void (text.length < OUTPUT_LIMIT && (text += chunk.toString('utf8')))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'ENOENT' || cause.code === 'EACCES' ? fault('E_CUSTODY_SCANNER', `there is no program ${program} on this machine`, { cause }) : cause),
    )
    child.on('close', (status) => resolve({ status: status ?? -1, text }))
  })
}
