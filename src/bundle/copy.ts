import type { Digests } from './hash-worker.ts'
import { hashFiles } from './hash-pool.ts'
import { ioFault } from './io.ts'

/**
 * Copies one file to a new one and gives the digest of the bytes that were copied; `fsync` makes them durable.
 * @throws E_DISK_FULL, E_FILE_UNREADABLE; the target is then not left behind
 */
export async function copyOne(source: string, target: string, size: number, fsync: boolean): Promise<Digests> {
  let digests: Digests | undefined
  await hashFiles([{ path: source, size, copyTo: target, fsync }], { workers: 1 }, ({ result }) => {
    if (result.error) throw ioFault(asError(result.error), `copying ${source}`)
    digests = result
  })
  if (!digests) throw new Error(`no result for ${source}`)
  return digests
}

/** The error of a hashing thread as the operating system's error that it was there. */
export function asError({ code, message }: { readonly code: string; readonly message: string }): Error {
  return Object.assign(new Error(message), { code })
}
