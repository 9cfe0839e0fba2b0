import { constants } from 'node:fs'
import { open, statfs } from 'node:fs/promises'
import { fault } from './codes.ts'
import { Fault } from './fault.ts'

/** An error of the operating system as a fault; a Fault, or anything else, stays what it is. `doing`: "writing X". */
export function ioFault(error: unknown, doing: string): unknown {
  if (error instanceof Fault || !(error instanceof Error)) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return fault('E_DISK_FULL', `no room left while ${doing}`, { found: message, cause: error })
  }
  return fault('E_FILE_UNREADABLE', `the operating system refused while ${doing}`, { found: message, cause: error })
}

/** @throws E_DISK_FULL when the file system of `directory` has fewer than `bytes` free for this user */
export async function needRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const free = bavail * bsize
  if (free < bytes) {
    throw fault('E_DISK_FULL', `not enough room in ${directory}`, {
      expected: `${mebibytes(bytes)} free`,
      found: `${mebibytes(free)} free`,
    })
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MiB`
}

/**
 * A regular file, opened once and read to its end; undefined when there is none, it is no regular file, or a link.
 * @throws E_TOO_LARGE beyond `limit` bytes, E_FILE_UNREADABLE
 */
export async function readRegular(path: string, limit: number): Promise<Buffer | undefined> {
  let handle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw ioFault(error, `opening ${path}`)
  }
  try {
    const state = await handle.stat()
    if (!state.isFile()) return undefined
    const buffer = Buffer.alloc(Math.min(state.size, limit) + 1)
    let size = 0
    while (size < buffer.byteLength) {
      const { bytesRead } = await handle.read(buffer, size, buffer.byteLength - size, null)
      if (bytesRead === 0) break
      size += bytesRead
    }
    if (size === buffer.byteLength) {
      throw fault('E_TOO_LARGE', `${path} is larger than this program reads`, {
        expected: `at most ${limit} bytes`,
        found: `${state.size} bytes or more`,
      })
    }
    return buffer.subarray(0, size)
  } catch (error) {
    throw ioFault(error, `reading ${path}`)
  } finally {
    await handle.close()
  }
}
