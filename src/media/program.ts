import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fault } from './codes.ts'

const WORDS_KEPT = 2_000

/** Path of a program on PATH. @throws E_MEDIA_PROGRAM */
export async function findProgram(name: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path
  }
  throw fault('E_MEDIA_PROGRAM', `there is no program ${name} on this machine`, { next: `apt-get install --no-install-recommends ${name}` })
}

export interface Run {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Runs a program to its end and gives its status and what it printed last. */
export function ended(program: string, words: readonly string[], { cwd, env, signal }: Run = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], cwd, signal, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...env } })
    let text = ''
    const keep = (chunk: Buffer) => (text = (text + chunk.toString()).slice(-WORDS_KEPT))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', (status) => resolve({ status: status ?? -1, text }))
  })
}

/** As `ended`, for a program that has to succeed. @throws E_MEDIA_PROGRAM_FAILED */
export async function succeeded(program: string, words: readonly string[], run: Run = {}): Promise<string> {
  const { status, text } = await ended(program, words, run)
  if (status !== 0) throw fault('E_MEDIA_PROGRAM_FAILED', `${program} ended with ${status}`, { found: text.trim() })
  return text
}
