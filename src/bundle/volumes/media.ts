import { fault } from '../codes.ts'

/** What a set is written for. */
export interface Media {
  readonly name: string
  /** Bytes that one medium takes, its file system included. */
  readonly capacity: number
  /** An ISO 9660 image can be burned on it. */
  readonly optical: boolean
  /** One archive instead of a folder for each volume. */
  readonly archive: boolean
}

/**
 * Sectors of 2048 bytes as the standards give them (ECMA-267, ECMA-337 with the smaller of -R and +R for two layers);
 * for Blu-ray what is left after formatting with spare areas, as most burners do.
 */
const OPTICAL: Readonly<Record<string, number>> = {
  dvd: 2_295_104 * 2048,
  'dvd-dl': 4_171_712 * 2048,
  bd25: 11_826_176 * 2048,
  bd50: 23_652_352 * 2048,
}

const UNITS: Readonly<Record<string, number>> = { M: 1e6, G: 1e9, T: 1e12 }

/** `dvd`, `dvd-dl`, `bd25`, `bd50`, `usb:SIZE` with SIZE such as 500M or 16G, or `tar`. @throws E_MEDIA */
export function parseMedia(text: string): Media {
  const optical = OPTICAL[text]
  if (optical !== undefined) return { name: text, capacity: optical, optical: true, archive: false }
  if (text === 'tar') return { name: text, capacity: Number.MAX_SAFE_INTEGER, optical: false, archive: true }
  const [, digits, unit] = /^usb:(\d+(?:\.\d+)?)([MGT])$/.exec(text) ?? []
  if (digits !== undefined) {
    return { name: text, capacity: Math.floor(Number(digits) * (UNITS[unit ?? ''] ?? 0)), optical: false, archive: false }
  }
  throw fault('E_MEDIA', `there is no kind of media ${JSON.stringify(text)}`, {
    expected: `${Object.keys(OPTICAL).join(', ')}, usb:SIZE (500M, 16G), or tar`,
    found: text,
  })
}
