import { createHash } from 'node:crypto'
import type { OnProgress } from '../fault.ts'
import { lineEndsOf } from '../line-ends.ts'
import { refuse, type Reason } from '../reasons.ts'
import { sumsOf } from './finish.ts'
import { VOLUME, VOLUME_LIMITS } from './layout.ts'
import { readWhole } from './medium.ts'
import { extraOn, goneFrom, openVolume, type OpenedVolume, type VolumeTrust } from './open.ts'

export interface VerifyVolumeOptions extends VolumeTrust {
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/**
 * One volume by itself: its signature, every byte of every listed file, and nothing there that no list names. It says
 * nothing of the other volumes, and writes nothing.
 * @throws those of `openVolume`; E_FILE_MISSING, E_FILE_ALTERED, E_FILE_UNREADABLE, E_FILE_EXTRA with every reason at once
 */
export async function verifyVolume(path: string, options: VerifyVolumeOptions): Promise<OpenedVolume> {
  const volume = await openVolume(path, options)
  const { medium, listing } = volume
  try {
    const gone = await goneFrom(volume)
    const reasons: Reason[] = gone.map(({ text }) => ({ code: 'E_FILE_MISSING', text }))
    for (const extra of extraOn(volume)) reasons.push({ code: 'E_FILE_EXTRA', text: `${extra} is in no list` })
    const sums = await readWhole(medium, VOLUME.sums, VOLUME_LIMITS.listing)
    const right = sumsOf(listing)
    const ends = sums && lineEndsOf(sums, (other) => other.equals(right))
    if (!sums?.equals(right)) reasons.push({ code: sums ? 'E_FILE_ALTERED' : 'E_FILE_MISSING', text: `SHA512SUMS is not what volume.json makes it${ends ? `: ${ends}` : ''}` })
    const files = [...listing.packs, ...listing.files].filter(({ path: name }) => !gone.some((one) => one.path === name))
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const buffer = Buffer.allocUnsafe(1 << 20)
    let done = 0
    for (const file of files) {
      const hash = createHash('sha512')
      let position = 0
      try {
        while (position < file.size) {
          options.signal?.throwIfAborted()
          const count = await medium.read(file.path, buffer, position)
          if (count === 0) break
          hash.update(buffer.subarray(0, count))
          position += count
          done += count
          options.onProgress?.({ done, total, unit: 'bytes' })
        }
      } catch (error) {
        if (options.signal?.aborted) throw error
        reasons.push({ code: 'E_FILE_UNREADABLE', text: `${file.path} does not read at byte ${position}`, found: (error as Error).message })
        continue
      }
      const found = hash.digest('hex')
      if (found !== file.sha512) {
        reasons.push({ code: 'E_FILE_ALTERED', text: `${file.path} is not what was packed`, expected: `sha512 ${file.sha512}`, found: `sha512 ${found}` })
      }
    }
    refuse(`volume ${listing.volume} (${medium.name})`, reasons)
    return volume
  } finally {
    await medium.close()
  }
}
