import { createHash } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fault } from '../codes.ts'
import { syncFolder } from './durable.ts'

const START = '0'.repeat(128)

/** One line of an append-only file: `previous` is the sha512 of the line before, so that a removed line shows. */
export type Linked<T> = T & { readonly number: number; readonly time: string; readonly previous: string }

/**
 * Reads an append-only JSONL file and checks its chain. A last line that was cut by a power loss is not yet an entry: it
 * is left out, and `length` (bytes) is where the next one goes. Throws E_STATE when the chain is broken.
 */
export async function readChain<T>(path: string): Promise<{ entries: Linked<T>[]; length: number; head: string }> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0)
    throw error
  })
  return parseChain<T>(bytes, path)
}

export function parseChain<T>(bytes: Buffer, path: string): { entries: Linked<T>[]; length: number; head: string } {
  const length = bytes.lastIndexOf(0x0a) + 1
  const entries: Linked<T>[] = []
  let head = START
  for (const line of bytes.subarray(0, length).toString('utf8').split('\n').slice(0, -1)) {
    const entry = parseLine<T>(line)
    if (!entry || entry.previous !== head || entry.number !== entries.length)
      throw fault('E_STATE', `${path} is damaged at line ${entries.length + 1}`, {
        expected: `entry ${entries.length} after ${head.slice(0, 16)}…`,
        found: entry ? `entry ${entry.number} after ${String(entry.previous).slice(0, 16)}…` : 'a line that is not JSON',
      })
    entries.push(entry)
    head = createHash('sha512').update(line).digest('hex')
  }
  return { entries, length, head }
}

function parseLine<T>(line: string): Linked<T> | undefined {
  try {
    return JSON.parse(line) as Linked<T>
  } catch {
    return undefined
  }
}

/** Appends one entry; it is on the disk when this returns. */
export async function append<T extends object>(path: string, entry: T, now: () => Date): Promise<Linked<T>> {
  await mkdir(dirname(path), { recursive: true })
  const { entries, length, head } = await readChain<T>(path)
  const linked: Linked<T> = { number: entries.length, time: now().toISOString(), previous: head, ...entry }
  const file = await open(path, 'a+', 0o600)
  try {
    await file.truncate(length)
    await file.writeFile(`${JSON.stringify(linked)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  if (entries.length === 0) await syncFolder(dirname(path))
  return linked
}
