import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fault } from './codes.ts'

/**
 * Runs `work` while holding a kernel lock on `file`. The lock is held by a flock(1) child that ends with its stdin, so
 * that it goes with this process however this process ends: there is no stale lock to judge.
 */
export async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true })
  // Detached: an interrupt from the keyboard goes to the whole group and must not drop the lock under running work.
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = once(holder, 'exit')
  const first = await Promise.race([once(holder.stdout, 'data').then(() => 'held'), ended.then(() => 'ended')])
  if (first !== 'held') throw fault('E_LAB_PROGRAM', `flock could not lock ${file}`)
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
