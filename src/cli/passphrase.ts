import { readFile, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { fault } from './codes.ts'

/**
 * A passphrase from a file only its owner can read (its first line), or from a prompt without echo.
 * Errors: E_PASSPHRASE_FILE, E_NO_TERMINAL.
 */
export async function readPassphrase(question: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return fromFile(file)
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw fault('E_NO_TERMINAL', `${question}: no terminal to ask on`)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  // Before the question: from here on the terminal shows nothing of what is typed, however fast.
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    process.stderr.write(`${question}: `)
    return await new Promise<string>((resolve) => lines.question('', resolve))
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

async function fromFile(file: string): Promise<string> {
  const info = await stat(file).catch((cause: unknown) => {
    throw fault('E_PASSPHRASE_FILE', `${file}: cannot be read`, { cause })
  })
  if ((info.mode & 0o077) !== 0)
    throw fault('E_PASSPHRASE_FILE', `${file}: other users can read it`, {
      expected: 'mode 0600',
      found: `mode 0${(info.mode & 0o777).toString(8)}`,
      next: `chmod 600 ${file}`,
    })
  const line = (await readFile(file, 'utf8')).split('\n', 1)[0]?.trimEnd() ?? ''
  if (line === '') throw fault('E_PASSPHRASE_FILE', `${file}: its first line is empty`, { next: 'Put the passphrase on the first line.' })
  return line
}
