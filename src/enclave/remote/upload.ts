import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type ssh2 from 'ssh2'
import type { OnProgress } from '../../bundle/fault.ts'
import { fault } from '../codes.ts'
import type { Connection } from './connection.ts'

const CHUNK = 128 * 1024
const WINDOW = 32
const PARALLEL = 4

/** One file to send. `target` is absolute on the host; its folder exists. */
export interface Upload {
  readonly source: string
  readonly target: string
  readonly sha512: string
  readonly size: number
}

/**
 * Sends files over SFTP. What an interrupted run left in `TARGET.part` is gone on with from where it ended; the digest is
 * taken over every byte read here, so that a medium that changed since it was verified is noticed (E_UPLOAD).
 */
export async function upload(connection: Connection, files: readonly Upload[], onProgress?: OnProgress): Promise<void> {
  const sftp = await connection.sftp()
  const total = files.reduce((sum, file) => sum + file.size, 0)
  let done = 0
  const moved = (bytes: number): void => {
    done += bytes
    onProgress?.({ done, total, unit: 'bytes' })
  }
  const queue = [...files]
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file; file = queue.shift()) await sendOne(sftp, file, moved)
  }
  try {
    await Promise.all(Array.from({ length: PARALLEL }, worker))
  } catch (error) {
    queue.length = 0
    if ((error as { code?: unknown }).code === 'E_UPLOAD') throw error
    throw connection.lost(error as Error)
  } finally {
    sftp.end()
  }
}

async function sendOne(sftp: ssh2.SFTPWrapper, file: Upload, moved: (bytes: number) => void): Promise<void> {
  const part = `${file.target}.part`
  const present = await sizeOf(sftp, part)
  const start = present !== undefined && present <= file.size ? present : 0
  const source = await open(file.source, 'r')
  const handle = await call<Buffer>((back) => sftp.open(part, start > 0 ? 'r+' : 'w', { mode: 0o600 }, back))
  const hash = createHash('sha512')
  const pending = new Set<Promise<void>>()
  let position = 0
  let failed: unknown
  try {
    while (failed === undefined) {
      const buffer = Buffer.allocUnsafe(CHUNK)
      const { bytesRead } = await source.read(buffer, 0, CHUNK, position)
      if (bytesRead === 0) break
      const chunk = buffer.subarray(0, bytesRead)
      hash.update(chunk)
      const skip = Math.max(0, Math.min(bytesRead, start - position))
      const offset = position + skip
      position += bytesRead
      moved(bytesRead)
      if (skip === bytesRead) continue
      const write = call<void>((back) => sftp.write(handle, chunk, skip, bytesRead - skip, offset, back)).then(
        () => void pending.delete(write),
        (error: unknown) => {
          failed ??= error
          pending.delete(write)
        },
      )
      pending.add(write)
      if (pending.size >= WINDOW) await Promise.race(pending)
    }
    await Promise.all(pending)
    if (failed !== undefined) throw failed
  } finally {
    await source.close()
    await call<void>((back) => sftp.close(handle, back)).catch(() => {})
  }
  const found = hash.digest('hex')
  if (found !== file.sha512 || position !== file.size) {
    await call<void>((back) => sftp.unlink(part, back)).catch(() => {})
    throw fault('E_UPLOAD', `${file.source} is not what the signed manifest names`, {
      expected: `sha512 ${file.sha512}, ${file.size} bytes`,
      found: `sha512 ${found}, ${position} bytes`,
    })
  }
  await call<void>((back) => sftp.ext_openssh_rename(part, file.target, back))
}

async function sizeOf(sftp: ssh2.SFTPWrapper, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    sftp.stat(path, (error, stats) => resolve(error ? undefined : stats.size))
  })
}

function call<T>(run: (back: (error: Error | null | undefined, value?: unknown) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value as T)))
  })
}
