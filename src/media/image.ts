import { lutimes, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram, succeeded } from './program.ts'

export interface ImageRequest {
  /** Folder of the volume. */
  readonly directory: string
  readonly target: string
  /** At most 32 letters, digits and `_`: the label of the disc. */
  readonly label: string
  /** Instant of every date in the image, so that the same volume gives the same bytes. */
  readonly created: string
  readonly signal?: AbortSignal | undefined
}

/**
 * An ISO 9660 image with Joliet and Rock Ridge names, ready to burn, from the folder of a volume. Every pack is below
 * 2 GiB, so any reader of ISO 9660 takes it; dates, owners and modes are fixed.
 * @throws E_MEDIA_PROGRAM, E_MEDIA_PROGRAM_FAILED
 */
export async function writeImage({ directory, target, label, created, signal }: ImageRequest): Promise<void> {
  const program = await findProgram('xorriso')
  const date = new Date(created)
  for (const entry of await readdir(directory, { recursive: true })) await lutimes(join(directory, entry), date, date)
  await lutimes(directory, date, date)
  const partial = `${target}.partial`
  await rm(partial, { force: true })
  const digits = `${created.replace(/\D/g, '')}00`
  const words = ['-as', 'mkisofs', '-quiet', '-o', partial, '-V', label, '-r', '-J', '-joliet-long', '-iso-level', '3', `--modification-date=${digits}`, '--set_all_file_dates', digits, directory]
  await succeeded(program, ['-no_rc', ...words], { signal, env: { SOURCE_DATE_EPOCH: String(date.getTime() / 1000), TZ: 'UTC' } })
  await rename(partial, target)
}

/** `mesh 1.1.0, volume 2` as a label. */
export function imageLabel(name: string, version: string, volume: number): string {
  const tail = `_V${volume}`
  return `${`${name}_${version}`.toUpperCase().replace(/[^A-Z0-9_]/g, '_').slice(0, 32 - tail.length)}${tail}`
}
